//! Streams that push each change: of one work item, and of the numbers of a pool.
//!
//! ```text
//! cargo run --example watch
//! ```
//!
//! They work from any process, whichever one runs the work.

use std::pin::pin;
use std::time::Duration;

use anyhow::{Result, bail};
use futures_util::StreamExt;
use workpool::testing::TestDatabase;
use workpool::{ActionCtx, Finished, Pool, Status, WorkId, Workpool, action};

workpool::pool!(VIDEO = Pool::new("video").max_parallelism(2));

/// The first attempt fails.
#[action(pool = VIDEO, retry(max_attempts = 2, initial_backoff = "400ms"))]
async fn encode(ctx: &ActionCtx, title: String) -> Result<String> {
    tokio::time::sleep(Duration::from_millis(400)).await;
    if ctx.attempt() == 1 {
        bail!("no memory for {title}");
    }
    Ok(title)
}

/// Prints each status until the end, which is the last item of the stream.
async fn watch_item(workpool: &Workpool, id: WorkId<String>) -> Result<(Vec<Status>, Finished)> {
    let mut seen = Vec::new();
    let mut changes = pin!(workpool.watch(id));
    while let Some(status) = changes.next().await {
        let status = status?;
        match &status {
            Status::Pending { last_failure: Some(failure), .. } => {
                println!("item: waits for another attempt, because: {failure}");
            }
            Status::Pending { .. } => println!("item: waits"),
            Status::Running { previous_attempts, .. } => {
                println!("item: runs, attempt {}", previous_attempts + 1);
            }
            Status::Finished(end) => {
                println!("item: {} after {} attempts", end.outcome, end.attempts);
                return Ok((seen, end.clone()));
            }
        }
        seen.push(status);
    }
    bail!("the stream ended before the work")
}

/// Prints the numbers of the pool until it is idle again. Returns how many changes it saw, and the
/// most that ran at once.
async fn watch_pool(workpool: &Workpool) -> Result<(usize, u64)> {
    let (mut changes, mut most) = (0, 0);
    let mut stream = pin!(workpool.watch_pool("video"));
    while let Some(stats) = stream.next().await {
        let stats = stats?;
        let (running, waiting, later) = (stats.running, stats.backlog, stats.scheduled);
        println!("pool: {running} run, {waiting} wait, {later} back off");
        (changes, most) = (changes + 1, most.max(running));
        if running + waiting + later == 0 {
            break;
        }
    }
    Ok((changes, most))
}

#[tokio::main]
async fn main() -> Result<()> {
    let database = TestDatabase::create().await?;
    let workpool = database.workpool();
    let titles = ["Alien", "Brazil", "Casablanca", "Diva"].map(String::from);
    let ids = encode::enqueue_batch(workpool, titles).await?;

    let worker = workpool.worker().start().await?;
    let (item, pool) = tokio::join!(watch_item(workpool, ids[0]), watch_pool(workpool));
    let ((seen, end), (changes, most)) = (item?, pool?);
    worker.shutdown().await;

    assert_eq!(end.attempts, 2, "the second attempt succeeded");
    assert!(seen.iter().any(Status::is_running), "it was seen running");
    assert!(changes > 2 && most <= 2, "{changes} changes, {most} at once");
    println!("{} changes of the item, {changes} of the pool", seen.len() + 1);
    Ok(())
}
