//! One pool with a million items beside twenty small ones: nobody in a small pool waits for the
//! large one.

use std::time::Duration;

use rand::RngExt;
use tokio::time::{Instant, sleep};
use workpool::{Pool, WorkId, Workpool};

use crate::functions::{Entries, Task, once};
use crate::place::{self, Place};
use crate::report::{Report, Setup, ms, percentile};

const FLOOD: u64 = 1_000_000;
const SMALL_POOLS: u64 = 20;
/// Items of all small pools together, each time.
const ITEMS: u64 = 500;
/// So often the flood stands still and goes on. What it does to the server and to the table is the same
/// in both cases; that it is worked on is not.
const ROUNDS: u64 = 4;
/// An item of a small pool that takes longer is stuck.
const STUCK: Duration = Duration::from_secs(20);

pub(crate) async fn run(setup: &Setup) -> Report {
    let mut report = Report::default();
    let place = Place::new().await;
    for n in 0..SMALL_POOLS {
        place.near.create_pool(Pool::new(&small(n)).max_parallelism(2)).await.unwrap();
    }
    place.near.create_pool(Pool::new("flood").max_parallelism(10)).await.unwrap();
    let entries = Entries::default();
    let process = place.handle(5).await;
    let worker = place::quick(&process).state(entries.clone());
    let worker = worker.poll_interval(Duration::from_secs(1)).start().await.unwrap();
    measure(&place.near, &entries, setup, 0, &mut report).await;
    let mut before = measure(&place.near, &entries, setup, 1, &mut report).await;
    flood(&place, setup.some(FLOOD)).await;
    let (mut alone, mut flooded) = (Vec::new(), Vec::new());
    for round in 1..=setup.some(ROUNDS) {
        place.near.pool("flood").pause().await.unwrap();
        let waits =
            "SELECT count(*) FROM workpool.work WHERE pool = 'flood' AND worker IS NOT NULL";
        assert!(place.until_none(waits, STUCK).await, "the flood stands still");
        alone.extend(measure(&place.near, &entries, setup, 2 * round, &mut report).await);
        place.near.pool("flood").resume().await.unwrap();
        flooded.extend(measure(&place.near, &entries, setup, 2 * round + 1, &mut report).await);
    }
    let left = place.count("SELECT count(*) FROM workpool.work WHERE pool = 'flood'").await;
    report.require(left > 0, || "the flood was over too soon".into());
    report.figure("left of the flood", left);
    let (paused, after) = (percentile(&mut alone, 99), percentile(&mut flooded, 99));
    let cases = [("before it", &mut before), ("alone", &mut alone), ("flooded", &mut flooded)];
    for (name, times) in cases {
        report.figure(&format!("{name} p50, ms"), ms(percentile(times, 50)));
        report.figure(&format!("{name} p99, ms"), ms(percentile(times, 99)));
    }
    // Whatever else goes on on this machine, nobody waits for a flood to pass.
    let slack = Duration::from_secs(2);
    report.require(after <= paused * 2 + slack, || format!("{paused:?}, then {after:?}"));
    report.require(!setup.strict || after <= paused * 2, || format!("{paused:?}, then {after:?}"));
    place.near.pool("flood").pause().await.unwrap();
    worker.shutdown().await;
    report
}

fn small(n: u64) -> String {
    format!("small-{n}")
}

/// Items that are due, as one enqueued long ago would be.
async fn flood(place: &Place, items: u64) {
    let fill = format!(
        "INSERT INTO workpool.work (id, pool, function, kind, run_at, args, status_ttl_ms)
         SELECT gen_random_uuid(), 'flood', 'once', 0, now() - interval '1 hour',
            '{{\"fails\":0,\"ms\":20}}', 0
         FROM generate_series(1, {items})"
    );
    place.execute(&fill).await;
}

/// From the enqueue to the entry.
async fn measure(
    workpool: &Workpool,
    entries: &Entries,
    setup: &Setup,
    part: u64,
    report: &mut Report,
) -> Vec<Duration> {
    let mut numbers = setup.numbers(part);
    let mut times = Vec::new();
    for _ in 0..setup.some(ITEMS).max(60) {
        report.exposures += 1;
        let id = WorkId::new();
        let pool = small(numbers.random_range(0..SMALL_POOLS));
        let begun = Instant::now();
        once::enqueue(workpool, Task::SUCCEEDS).id(id).pool(&pool).await.unwrap();
        let taken = loop {
            if let Some(entered) = entries.first(id.uuid()) {
                break entered.saturating_duration_since(begun.into_std());
            }
            if begun.elapsed() > STUCK {
                report.breach(format!("{id} in {pool} is stuck"));
                break STUCK;
            }
            sleep(Duration::from_millis(1)).await;
        };
        times.push(taken);
        sleep(Duration::from_millis(numbers.random_range(0..30))).await;
    }
    times
}
