//! One pool over two processes: its limit holds over both, and when one is killed the other one
//! recovers its work.
//!
//! ```text
//! cargo run --example two_processes
//! ```
//!
//! The program starts itself a second time. Each attempt writes down when it ran, by the clock of
//! the database, and so the database can tell how many ran at once.

use std::env;
use std::io::Read;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::sleep;
use tracing_subscriber::filter::LevelFilter;
use workpool::testing::TestDatabase;
use workpool::{ActionCtx, Pool, Worker, Workpool, action};

const PAGES: u32 = 90;
const LIMIT: u32 = 3;
workpool::pool!(CRAWL = Pool::new("crawl").max_parallelism(LIMIT));

#[action(pool = CRAWL, retry)]
async fn fetch(ctx: &ActionCtx, page: u32) -> Result<u32> {
    let db = ctx.workpool().db();
    let pid = std::process::id();
    let run: i64 = sqlx::query_scalar("INSERT INTO runs (page, pid) VALUES ($1, $2) RETURNING id")
        .bind(i64::from(page))
        .bind(i64::from(pid))
        .fetch_one(db)
        .await?;
    sleep(Duration::from_millis(100)).await;
    sqlx::query("UPDATE runs SET ended = clock_timestamp() WHERE id = $1")
        .bind(run)
        .execute(db)
        .await?;
    Ok(pid)
}

/// A short lease, so that a dead process is noticed soon. The default is 30 seconds.
async fn start_worker(workpool: &Workpool) -> Result<Worker> {
    let lease = Duration::from_millis(1500);
    Ok(workpool.worker().lease(lease).heartbeat(lease / 5).start().await?)
}

/// What the second process does: says that it is ready, and runs work until its standard input
/// ends, as it does when the first process ends.
async fn second_process(url: &str) -> Result<()> {
    let workpool = Workpool::connect(url).await?;
    let worker = start_worker(&workpool).await?;
    println!("ready");
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await??;
    worker.shutdown().await;
    Ok(())
}

const URL: &str = "TWO_PROCESSES_URL";

async fn start_second_process(url: &str) -> Result<Child> {
    let mut command = Command::new(env::current_exe()?);
    command.env(URL, url).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn()?;
    let stdout = child.stdout.take().context("its standard output is a pipe")?;
    let said = BufReader::new(stdout).lines().next_line().await?;
    ensure!(said.as_deref() == Some("ready"), "the second process did not start");
    Ok(child)
}

#[tokio::main]
async fn main() -> Result<()> {
    // Shows the warnings of workpool, one of which is `recovered`.
    tracing_subscriber::fmt()
        .with_max_level(LevelFilter::WARN)
        .with_writer(std::io::stderr)
        .without_time()
        .init();
    if let Ok(url) = env::var(URL) {
        return second_process(&url).await;
    }
    let database = TestDatabase::create().await?;
    let workpool = database.workpool();
    sqlx::query(RUNS).execute(workpool.db()).await?;
    let worker = start_worker(workpool).await?;
    let child = start_second_process(database.url()).await?;

    let ids = fetch::enqueue_batch(workpool, 0..PAGES).await?;
    let cut_off = kill_while_busy(workpool, child).await?;
    let killed = Instant::now();
    for id in ids {
        workpool.result(id).await?;
    }
    println!("all {PAGES} succeeded, the last one {:.1?} after that", killed.elapsed());
    worker.shutdown().await;
    prove(workpool, cut_off).await
}

const RUNS: &str = "
    CREATE TABLE runs (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        page bigint NOT NULL,
        pid bigint NOT NULL,
        began timestamptz NOT NULL DEFAULT clock_timestamp(),
        ended timestamptz
    )";

/// Kills the process while it runs something, and returns how many attempts that cut off.
async fn kill_while_busy(workpool: &Workpool, mut child: Child) -> Result<u64> {
    let pid = i64::from(child.id().context("it has ended")?);
    let counts = "
        SELECT count(*) FILTER (WHERE ended IS NOT NULL), count(*) FILTER (WHERE ended IS NULL)
        FROM runs WHERE pid = $1";
    loop {
        let (ended, running): (i64, i64) =
            sqlx::query_as(counts).bind(pid).fetch_one(workpool.db()).await?;
        if ended >= 5 && running > 0 {
            break;
        }
        let waiting = workpool.stats("crawl").await?.backlog;
        ensure!(waiting > 0, "the second process ran only {ended} of {PAGES}");
        sleep(Duration::from_millis(5)).await;
    }
    child.kill().await?;
    // What it ran has ended with it.
    let cut_off =
        sqlx::query("UPDATE runs SET ended = clock_timestamp() WHERE pid = $1 AND ended IS NULL")
            .bind(pid)
            .execute(workpool.db())
            .await?
            .rows_affected();
    println!("killed process {pid}, which ran {cut_off}");
    Ok(cut_off)
}

/// For each beginning, how many were between their beginning and their end; the greatest of these.
const MOST_AT_ONCE: &str = "
    SELECT max((SELECT count(*) FROM runs b WHERE b.began <= a.began AND b.ended > a.began))
    FROM runs a";

async fn prove(workpool: &Workpool, cut_off: u64) -> Result<()> {
    let most: i64 = sqlx::query_scalar(MOST_AT_ONCE).fetch_one(workpool.db()).await?;
    let runs: Vec<(i64, i64)> = sqlx::query_as("SELECT pid, count(*) FROM runs GROUP BY pid")
        .fetch_all(workpool.db())
        .await?;
    for (pid, attempts) in &runs {
        println!("process {pid}: {attempts} attempts");
    }
    println!("at most {most} ran at once, of {LIMIT} allowed");
    assert_eq!(runs.len(), 2, "both processes took part");
    assert!(most <= i64::from(LIMIT), "the limit holds over both processes");
    let attempts: i64 = runs.iter().map(|(_, attempts)| attempts).sum();
    let again = attempts.unsigned_abs() - u64::from(PAGES);
    // Beyond those, one may have ended so shortly before the kill that its end was not stored.
    assert!(cut_off <= again && again <= u64::from(LIMIT), "{again} ran again");
    Ok(())
}
