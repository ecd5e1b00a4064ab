//! A newsletter that survives being killed half-way: it goes on where it was, and nobody who is to
//! get it at most once gets it twice.
//!
//! ```text
//! cargo run --example newsletter
//! ```
//!
//! With the argument `send` it is the newsletter itself: it reads `subscribers.csv` and sends one
//! mail to each by `SMTP_URL`, with the work in `WORKPOOL_DATABASE_URL`. Without, it demonstrates
//! that: it starts a mail server that fails now and then, runs itself with `send`, kills that when
//! half of the mail is out, runs it again, and counts at the mail server what came in. If
//! `SMTP_URL` is set, it sends there, kills nothing, and only shows the log.

mod campaign;
mod sink;

use std::collections::BTreeMap;
use std::env;

use anyhow::{Context, Result, bail, ensure};
use sqlx::PgPool;
use tokio::process::{Child, Command};
use workpool::Workpool;
use workpool::testing::TestDatabase;

use self::campaign::{Plan, Subscriber};
use self::sink::Sink;

const DATABASE: &str = "WORKPOOL_DATABASE_URL";
const SMTP: &str = "SMTP_URL";

#[tokio::main]
async fn main() -> Result<()> {
    if env::args().nth(1).as_deref() == Some("send") {
        let workpool = Workpool::connect(&env::var(DATABASE)?).await?;
        return campaign::send(&workpool, &env::var(SMTP)?).await;
    }
    let database = TestDatabase::create().await?;
    let db = database.workpool().db();
    if let Ok(smtp) = env::var(SMTP) {
        wait(start_sender(database.url(), &smtp)?).await?;
        return show_log(db).await;
    }

    let sink = Sink::start().await?;
    let subscribers = campaign::subscribers()?;
    let mut first = start_sender(database.url(), sink.url())?;
    tokio::select! {
        half = sink.accepted(subscribers.len() / 2) => half?,
        end = first.wait() => bail!("the sender ended too early: {}", end?),
    }
    first.kill().await?;
    println!("killed with {} mails out; started again", sink.mails().len());

    wait(start_sender(database.url(), sink.url())?).await?;
    show_log(db).await?;
    prove(db, &sink.mails()).await
}

fn start_sender(database: &str, smtp: &str) -> Result<Child> {
    let mut command = Command::new(env::current_exe()?);
    command.arg("send").env(DATABASE, database).env(SMTP, smtp).kill_on_drop(true);
    Ok(command.spawn()?)
}

async fn wait(mut sender: Child) -> Result<()> {
    let status = sender.wait().await?;
    ensure!(status.success(), "the sender ended with {status}");
    Ok(())
}

async fn show_log(db: &PgPool) -> Result<()> {
    let log: Vec<(String, i64, String)> = sqlx::query_as(
        "SELECT state, count(*), min(detail) FROM delivery_log GROUP BY state ORDER BY 2 DESC",
    )
    .fetch_all(db)
    .await?;
    for (state, count, detail) in log {
        println!("{count:>4} {state:<9} such as: {detail}");
    }
    Ok(())
}

/// Compares the log with what the mail server took.
async fn prove(db: &PgPool, mails: &[String]) -> Result<()> {
    let mut taken = BTreeMap::<&str, u32>::new();
    for address in mails {
        *taken.entry(address).or_default() += 1;
    }
    let log: Vec<(String, String)> =
        sqlx::query_as("SELECT email, state FROM delivery_log").fetch_all(db).await?;
    let log: BTreeMap<_, _> = log.into_iter().collect();
    let (mut in_doubt, mut arrived, mut twice) = (0, 0, 0);
    for Subscriber { email, plan, .. } in campaign::subscribers()? {
        let state = log.get(&email).context("somebody is missing in the log")?;
        let times = taken.get(&*email).copied().unwrap_or(0);
        match (plan, &**state) {
            (_, "refused") | (Plan::Free, "failed") => assert_eq!(times, 0, "{email} got it"),
            (Plan::Free, "delivered") => assert_eq!(times, 1, "{email}"),
            (Plan::Free, "lost") => {
                assert!(times <= 1, "{email} got it twice");
                in_doubt += 1;
                arrived += times;
            }
            (Plan::Paid, "delivered") => {
                assert!(times >= 1, "{email} got nothing");
                twice += u32::from(times > 1);
            }
            (_, other) => bail!("{email} is {other}"),
        }
    }
    println!("retry off: nobody got two mails; {in_doubt} in doubt, of which {arrived} arrived");
    println!("retry on:  everybody who can be reached got it, {twice} of them twice");
    Ok(())
}
