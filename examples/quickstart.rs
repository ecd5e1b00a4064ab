//! Sign-ups of a small site: a flood of slow scraping in one pool, welcome mail in another, and a
//! counter in a third that runs one item at a time.
//!
//! ```text
//! cargo run --example quickstart
//! ```
//!
//! Nothing has to be set up but an installed PostgreSQL. It shows a table of the pools while they
//! run, and proves at the end that the flood delayed no mail, that mail which failed was sent
//! again, and that the counter missed nobody.

use std::io::{IsTerminal, stdout};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};
use tokio::time::{sleep, timeout};
use workpool::testing::TestDatabase;
use workpool::{
    ActionCtx, Completion, MutationCtx, Outcome, Pool, PoolStats, Status, WorkId, Workpool, action,
    mutation, on_complete,
};

// How much of each may run at once, over all processes together.
workpool::pool!(SCRAPING = Pool::new("scraping").max_parallelism(5));
workpool::pool!(EMAIL = Pool::new("email").max_parallelism(3));
workpool::pool!(COUNTER = Pool::new("counter").max_parallelism(1));

/// Slow, and there is far too much of it.
#[action(pool = SCRAPING)]
async fn scrape(_: &ActionCtx, page: u32) -> Result<u32> {
    sleep(Duration::from_millis(300)).await;
    Ok(page)
}

#[derive(Serialize, Deserialize)]
struct Welcome {
    user_id: i64,
    name: String,
}

#[derive(Serialize, Deserialize)]
struct Receipt {
    text: String,
}

/// An action has effects outside of the database. This one may be tried again.
#[action(pool = EMAIL, retry(max_attempts = 5, initial_backoff = "200ms"))]
async fn send_email(ctx: &ActionCtx, welcome: Welcome) -> Result<Receipt, Busy> {
    ctx.state::<Arc<Mailer>>().send(&welcome, ctx.attempt()).await
}

/// Runs when the mail was sent or given up, in a transaction, once in effect.
#[on_complete(context = i64)]
async fn email_sent(ctx: &mut MutationCtx<'_>, done: Completion<i64, Receipt>) -> Result<()> {
    let user_id = done.context;
    let note = match done.outcome {
        Outcome::Success(receipt) => receipt.text,
        Outcome::Failed(failure) => failure.to_string(),
        Outcome::Canceled => "canceled".to_owned(),
    };
    sqlx::query("UPDATE users SET note = $2 WHERE id = $1")
        .bind(user_id)
        .bind(note)
        .execute(ctx.db())
        .await?;
    count_user::enqueue(ctx, ()).await?;
    Ok(())
}

/// A mutation has effects in the database, which commit together with its end. No other one is
/// between these two statements, because the pool runs one at a time.
#[mutation(pool = COUNTER)]
async fn count_user(ctx: &mut MutationCtx<'_>) -> Result<i64> {
    let users: i64 = sqlx::query_scalar("SELECT users FROM counter").fetch_one(ctx.db()).await?;
    sqlx::query("UPDATE counter SET users = $1").bind(users + 1).execute(ctx.db()).await?;
    Ok(users + 1)
}

/// Stands for a mail server, which is too busy for every fifth mail at first.
#[derive(Default)]
struct Mailer {
    sent: AtomicU32,
}

#[derive(Debug, thiserror::Error)]
#[error("the mail server is busy")]
struct Busy;

impl Mailer {
    async fn send(&self, welcome: &Welcome, attempt: u32) -> Result<Receipt, Busy> {
        sleep(Duration::from_millis(30)).await;
        if welcome.user_id % 5 == 0 && attempt == 1 {
            return Err(Busy);
        }
        self.sent.fetch_add(1, Ordering::Relaxed);
        Ok(Receipt { text: format!("welcomed {} as number {}", welcome.name, welcome.user_id) })
    }
}

const PAGES: u32 = 2000;
const USERS: u32 = 30;

#[tokio::main]
async fn main() -> Result<()> {
    let database = TestDatabase::create().await?;
    let workpool = Workpool::connect(database.url()).await?;
    create_tables(&workpool).await?;

    let mailer = Arc::new(Mailer::default());
    let worker = workpool.worker().state(Arc::clone(&mailer)).start().await?;

    scrape::enqueue_batch(&workpool, 1..=PAGES).await?;
    let show = timeout(Duration::from_mins(1), show_until_all_are_counted(&workpool));
    let (mails, shown) = tokio::join!(sign_ups(&workpool), show);
    let mails = mails?;
    shown??;

    let left = workpool.pool("scraping").cancel_all().run().await?;
    worker.shutdown().await;
    prove(&workpool, &mailer, mails).await?;
    println!("The flood was canceled: {} pages had not started.", left.canceled);
    Ok(())
}

async fn create_tables(workpool: &Workpool) -> Result<()> {
    let tables = "
        CREATE TABLE users (id bigint GENERATED ALWAYS AS IDENTITY, name text NOT NULL, note text);
        CREATE TABLE counter (users bigint NOT NULL);
        INSERT INTO counter VALUES (0);";
    sqlx::raw_sql(tables).execute(workpool.db()).await?;
    Ok(())
}

async fn sign_ups(workpool: &Workpool) -> Result<Vec<WorkId<Receipt>>> {
    let mut mails = Vec::new();
    for number in 1..=USERS {
        mails.push(sign_up(workpool, format!("user{number}@example.com")).await?);
        sleep(Duration::from_millis(100)).await;
    }
    Ok(mails)
}

/// The user and the work are stored in one transaction: both or neither.
async fn sign_up(workpool: &Workpool, name: String) -> Result<WorkId<Receipt>> {
    let mut tx = workpool.db().begin().await?;
    let user_id = sqlx::query_scalar("INSERT INTO users (name) VALUES ($1) RETURNING id")
        .bind(&name)
        .fetch_one(&mut *tx)
        .await?;
    let mail = send_email::enqueue(&workpool.within(&mut tx), Welcome { user_id, name })
        .on_complete::<email_sent>(user_id)
        .await?;
    tx.commit().await?;
    Ok(mail)
}

async fn counted(workpool: &Workpool) -> Result<u32> {
    let users: i64 =
        sqlx::query_scalar("SELECT users FROM counter").fetch_one(workpool.db()).await?;
    Ok(users.try_into()?)
}

/// In a terminal a table that is redrawn; elsewhere a line now and then.
async fn show_until_all_are_counted(workpool: &Workpool) -> Result<()> {
    let (begun, live) = (Instant::now(), stdout().is_terminal());
    for nth in 0_u32.. {
        let users = counted(workpool).await?;
        let mut pools = Vec::new();
        for name in ["scraping", "email", "counter"] {
            pools.push((name, workpool.stats(name).await?));
        }
        if live && nth > 0 {
            // Up to the head of the table, and clear from there.
            print!("\x1b[{}A\x1b[J", pools.len() + 2);
        }
        if live {
            print_table(&pools);
        } else {
            print_line(begun.elapsed(), &pools);
        }
        println!("{users} of {USERS} users welcomed and counted");
        if users >= USERS {
            break;
        }
        sleep(Duration::from_millis(if live { 100 } else { 500 })).await;
    }
    Ok(())
}

fn print_table(pools: &[(&str, PoolStats)]) {
    println!("pool       limit  running  waiting  in backoff");
    for (name, now) in pools {
        let PoolStats { max_parallelism, running, backlog, scheduled, .. } = now;
        println!("{name:<10} {max_parallelism:>5} {running:>8} {backlog:>8} {scheduled:>11}");
    }
}

fn print_line(elapsed: Duration, pools: &[(&str, PoolStats)]) {
    print!("{:3.1} s | ", elapsed.as_secs_f64());
    for (name, now) in pools {
        print!("{name}: {} run, {} wait | ", now.running, now.backlog + now.scheduled);
    }
}

async fn prove(workpool: &Workpool, mailer: &Mailer, mails: Vec<WorkId<Receipt>>) -> Result<()> {
    let (mut longest, mut retried) = (Duration::ZERO, 0);
    for status in workpool.status_batch(mails).await? {
        let Some(Status::Finished(end)) = status else { bail!("a mail has no end") };
        match end.started_at {
            Some(started) if end.attempts == 1 => {
                longest = longest.max(started.duration_since(end.enqueued_at).unwrap_or_default());
            }
            _ => retried += 1,
        }
    }
    let sent = mailer.sent.load(Ordering::Relaxed);
    println!("{PAGES} pages flooded one pool; in the other no mail waited over {longest:?}.");
    println!("{sent} mails sent for {USERS} users, {retried} of them at the second attempt.");
    assert!(longest < Duration::from_secs(1), "the flood delayed mail");
    assert_eq!(sent, USERS, "each user gets one mail");
    assert_eq!(counted(workpool).await?, USERS, "each user is counted once");
    assert_eq!(retried, USERS / 5, "what failed was tried again");
    Ok(())
}
