//! How many enqueues a second, with and without somebody to notify.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;
use workpool::Workpool;
use workpool::sqlx::postgres::PgListener;

use crate::functions::{Task, once};
use crate::place::{self, Place};
use crate::report::{Report, Setup};

/// Who enqueues at once.
const ENQUEUERS: u32 = 32;
/// How long each is measured, at full size.
const MEASURED: Duration = Duration::from_secs(10);

pub(super) async fn run(setup: &Setup, report: &mut Report) {
    let time = setup.time(MEASURED).max(Duration::from_millis(400));
    let place = Place::new().await;
    let far = place.handle(ENQUEUERS).await;
    enqueue(&far, time / 4, report).await;
    let alone = enqueue(&far, time, report).await;
    report.figure("enqueues a second, nobody listens", alone);
    // One item at a time that never ends before the measurement: a worker that is busy.
    place.near.pool("mixed").set_max_parallelism(1).await.unwrap();
    let busy = place.handle(5).await;
    let worker = place::quick(&busy).shutdown_grace(Duration::ZERO).start().await.unwrap();
    let with_worker = enqueue(&far, time, report).await;
    report.figure("enqueues a second, a worker works", with_worker);
    worker.shutdown().await;
    let idle = place.handle(5).await;
    let worker = place::quick(&idle).only_pools(["echoes"]).start().await.unwrap();
    let with_idle = enqueue(&far, time, report).await;
    report.figure("enqueues a second, a worker of another pool sleeps", with_idle);
    worker.shutdown().await;
    // The worst case, which a worker ends with its next look: each enqueue notifies.
    let mut listener = PgListener::connect_with(place.near.db()).await.unwrap();
    listener.listen("workpool_workpool").await.unwrap();
    place
        .execute("INSERT INTO workpool.slots (pool, worker, asleep) SELECT 'mixed', gen_random_uuid(), true")
        .await;
    let reading = tokio::spawn(async move { while listener.recv().await.is_ok() {} });
    let notifying = enqueue(&far, time, report).await;
    reading.abort();
    report.figure("enqueues a second, each notifies", notifying);
    report.figure("with a worker to without, %", with_worker * 100 / alone.max(1));
    report.figure("notifying each time to never, %", notifying * 100 / alone.max(1));
}

/// Enqueues on all connections for a while; how many a second.
async fn enqueue(workpool: &Workpool, time: Duration, report: &mut Report) -> u64 {
    let mut enqueuers = JoinSet::new();
    let end = Instant::now() + time;
    for _ in 0..ENQUEUERS {
        let workpool = workpool.clone();
        enqueuers.spawn(async move {
            let mut enqueued = 0_u64;
            while Instant::now() < end {
                once::enqueue(&workpool, Task { fails: 0, ms: 20 }).await.unwrap();
                enqueued += 1;
            }
            enqueued
        });
    }
    let total: u64 = enqueuers.join_all().await.into_iter().sum();
    report.exposures += total;
    total * 1000 / u64::try_from(time.as_millis()).unwrap().max(1)
}
