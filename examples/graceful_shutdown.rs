//! A shutdown: what runs may end, for a while; the rest is handed back, and another worker
//! finishes it.
//!
//! ```text
//! cargo run --example graceful_shutdown
//! ```

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::sync::Semaphore;
use tokio::time::sleep;
use workpool::testing::TestDatabase;
use workpool::{ActionCtx, Pool, WorkId, Workpool, action};

workpool::pool!(BACKUPS = Pool::new("backups").max_parallelism(3));

/// Answers with the name of the worker that it ran in.
#[action(pool = BACKUPS, retry)]
async fn back_up(ctx: &ActionCtx, disk: String) -> Result<String> {
    let place = ctx.state::<Place>();
    println!("{}: disk {disk}, attempt {}", place.worker, ctx.attempt());
    place.entered.add_permits(1);
    let stuck = disk == "broken" && ctx.attempt() == 1;
    sleep(Duration::from_millis(if stuck { 3_600_000 } else { 300 })).await;
    Ok(place.worker.to_owned())
}

struct Place {
    worker: &'static str,
    /// A permit for each attempt that has begun.
    entered: Arc<Semaphore>,
}

async fn attempts<T>(workpool: &Workpool, id: WorkId<T>) -> Result<u32> {
    let status = workpool.status(id).await?.context("its status is kept")?;
    Ok(status.previous_attempts())
}

#[tokio::main]
async fn main() -> Result<()> {
    let database = TestDatabase::create().await?;
    let workpool = database.workpool();
    let disks = ["broken", "a", "b", "c", "d"].map(String::from);
    let ids = back_up::enqueue_batch(workpool, disks).await?;

    let entered = Arc::new(Semaphore::new(0));
    let place = |worker| Place { worker, entered: Arc::clone(&entered) };
    let grace = Duration::from_millis(800);
    let first = workpool.worker().state(place("first")).shutdown_grace(grace).start().await?;
    // Three run, two wait.
    entered.acquire_many(3).await?.forget();

    // On a signal, in a program: `tokio::signal::ctrl_c().await?`.
    let begun = Instant::now();
    first.shutdown().await;
    println!("the first worker shut down in {:.1?}", begun.elapsed());
    assert!(begun.elapsed() >= grace, "it waited for the broken disk, in vain");
    assert_eq!(workpool.result(ids[1]).await?, "first", "what ran could end");
    assert_eq!(workpool.result(ids[2]).await?, "first");
    assert_eq!(attempts(workpool, ids[3]).await?, 0, "what waited was not touched");

    let second = workpool.worker().state(place("second")).start().await?;
    for (id, attempts_in_all) in [(ids[0], 2), (ids[3], 1), (ids[4], 1)] {
        assert_eq!(workpool.result(id).await?, "second");
        assert_eq!(attempts(workpool, id).await?, attempts_in_all);
    }
    second.shutdown().await;
    println!("two ended in the grace, one was cut off and tried again, two ran later");
    Ok(())
}
