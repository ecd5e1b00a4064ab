//! Claims of many items, which are read and started beside the next claim.

use workpool::RetryPolicy;
use workpool_tests::{Stage, eventually};

use crate::functions::flaky;

/// A claim takes half of so many slots, and leaves room for another.
const SLOTS: u32 = 200;
const ITEMS: usize = 500;

async fn retype(stage: &Stage, to: &str) {
    stage.execute(&format!("ALTER TABLE workpool.work ALTER max_backoff_ms TYPE {to}")).await;
}

/// Somebody changes a column under a running system. As long as that is so nothing can run, and what
/// was claimed in vain keeps no slots.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_read_is_handed_back_and_runs_once_it_can() {
    const TRIED: &str = "SELECT COALESCE(max(fence), 0) >= 4 FROM workpool.work";
    const ATTEMPTS: &str =
        "SELECT count(*) FROM workpool.finished WHERE outcome = 0 AND attempts = 1";
    let stage = Stage::new().await;
    stage.workpool().pool("flaky").set_max_parallelism(SLOTS).await.unwrap();
    let items = flaky::enqueue_batch(stage.workpool(), vec![0; ITEMS]);
    items.retry(RetryPolicy::new()).await.unwrap();
    retype(&stage, "integer").await;
    let worker = stage.start().await;
    eventually("they are claimed again and again", async || stage.value(TRIED).await).await;
    retype(&stage, "workpool.backoff_ms").await;
    eventually("all have run", async || stage.unfinished().await == 0).await;
    assert_eq!(stage.value::<i64>(ATTEMPTS).await, i64::try_from(ITEMS).unwrap());
    worker.shutdown().await;
}
