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
/// Rounds, each with all cases one after the other: the more items there are, the slower it becomes,
/// and the machine is not the same from minute to minute. The median of the rounds counts: the
/// server writes a checkpoint in some of them.
const ROUNDS: u32 = 7;
/// How long each is measured in a round, at full size.
const MEASURED: Duration = Duration::from_secs(3);
/// What notifying has to leave of the rate, in percent. A worker that works takes some of it for what
/// it does, and nobody notifies it.
const WANTED: u64 = 80;

pub(super) async fn run(setup: &Setup, report: &mut Report) {
    let time = setup.time(MEASURED).max(Duration::from_millis(200));
    let rounds = u32::try_from(setup.some(u64::from(ROUNDS))).unwrap();
    let place = Place::new().await;
    // One item at a time that does not end before the measurement: a worker that is busy.
    place.near.pool("mixed").set_max_parallelism(1).await.unwrap();
    let far = place.handle(ENQUEUERS).await;
    enqueue(&far, time, report).await;
    let (mut rates, mut percents) = (Vec::new(), [const { Vec::new() }; 3]);
    for _ in 0..rounds {
        let alone = enqueue(&far, time, report).await;
        let busy = place.handle(5).await;
        let worker = place::quick(&busy).shutdown_grace(Duration::ZERO).start().await.unwrap();
        let working = enqueue(&far, time, report).await;
        worker.shutdown().await;
        let idle = place.handle(5).await;
        let worker = place::quick(&idle).only_pools(["echoes"]).start().await.unwrap();
        let idle = enqueue(&far, time, report).await;
        worker.shutdown().await;
        let notifying = notifying(&place, &far, time, report).await;
        for (case, rate) in [working, idle, notifying].into_iter().enumerate() {
            percents[case].push(rate * 100 / alone.max(1));
        }
        rates.push(alone);
    }
    report.figure("enqueues a second, nobody listens", median(rates));
    let cases = [
        ("a worker works", 0),
        ("a worker of another pool sleeps", WANTED),
        ("each notifies", WANTED),
    ];
    for ((what, wanted), percents) in cases.into_iter().zip(percents) {
        let percent = median(percents);
        report.figure(&format!("of that, {what}, %"), percent);
        report.require(!setup.strict || percent >= wanted, || format!("{what}: {percent} %"));
    }
}

fn median(mut values: Vec<u64>) -> u64 {
    values.sort_unstable();
    values[values.len() / 2]
}

/// The worst case, which a worker ends with its next look: each enqueue notifies.
async fn notifying(place: &Place, far: &Workpool, time: Duration, report: &mut Report) -> u64 {
    const SLEEPER: &str = "INSERT INTO workpool.slots (pool, worker, asleep)
        SELECT 'mixed', gen_random_uuid(), true";
    let mut listener = PgListener::connect_with(place.near.db()).await.unwrap();
    listener.listen("workpool_workpool").await.unwrap();
    place.execute(SLEEPER).await;
    let reading = tokio::spawn(async move { while listener.recv().await.is_ok() {} });
    let notifying = enqueue(far, time, report).await;
    reading.abort();
    place.execute("DELETE FROM workpool.slots WHERE asleep").await;
    notifying
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
