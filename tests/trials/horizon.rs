//! Somebody holds a snapshot for minutes, as a dump or a forgotten session does: nothing that has
//! ended can be cleaned up. Items keep coming, and none of them waits for that.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};
use workpool::sqlx::{Connection, Executor, PgConnection};
use workpool::{WorkId, Workpool};

use crate::functions::{Entries, Task, once};
use crate::place::{self, Place};
use crate::report::{Report, Setup, ms, percentile};

/// How long the snapshot is held, and how long is measured without.
const HELD: Duration = Duration::from_mins(10);
const WITHOUT: Duration = Duration::from_mins(1);
/// Between two items: 200 a second.
const PAUSE: Duration = Duration::from_millis(5);
/// How long the last ones may take.
const REST: Duration = Duration::from_secs(20);

pub(crate) async fn run(setup: &Setup) -> Report {
    let mut report = Report::default();
    let place = Place::new().await;
    let entries = Entries::default();
    let process = place.handle(5).await;
    let worker = place::quick(&process).state(entries.clone()).start().await.unwrap();
    let near = place.handle(8).await;
    let mut before = feed(&near, &entries, setup.time(WITHOUT), &mut report).await;
    let mut holder = PgConnection::connect(&place.url).await.unwrap();
    holder
        .execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM workpool.work")
        .await
        .unwrap();
    let held = setup.time(HELD);
    let mut first = feed(&near, &entries, held * 2 / 3, &mut report).await;
    // When most has piled up.
    let mut last = feed(&near, &entries, held / 3, &mut report).await;
    holder.close().await.unwrap();
    worker.shutdown().await;
    let parts = [("without", &mut before), ("held", &mut first), ("held for long", &mut last)];
    for (name, part) in parts {
        let share = part.times.len() * 100 / part.enqueued.max(1);
        report.figure(&format!("{name}: entered, %"), share);
        report.figure(&format!("{name}: p50, ms"), ms(percentile(&mut part.times, 50)));
        report.figure(&format!("{name}: p99, ms"), ms(percentile(&mut part.times, 99)));
        report.require(share >= 80, || format!("{name}: only {share} % were entered in time"));
    }
    let (usual, late) = (percentile(&mut before.times, 99), percentile(&mut last.times, 99));
    report.require(!setup.strict || late <= usual * 5, || format!("{usual:?}, then {late:?}"));
    report
}

/// What came of one part.
struct Part {
    enqueued: usize,
    /// From the enqueue to the entry, of those that were entered.
    times: Vec<Duration>,
}

async fn feed(workpool: &Workpool, entries: &Entries, long: Duration, report: &mut Report) -> Part {
    let (begun, mut ticks) = (Instant::now(), interval(PAUSE));
    // What is late is made up for.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut tasks = JoinSet::new();
    while begun.elapsed() < long {
        ticks.tick().await;
        let workpool = workpool.clone();
        tasks.spawn(async move {
            let (id, begun) = (WorkId::new(), Instant::now());
            once::enqueue(&workpool, Task::SUCCEEDS).id(id).await.unwrap();
            (id.uuid(), begun)
        });
    }
    let enqueued = tasks.join_all().await;
    report.exposures += enqueued.len() as u64;
    let (ended, mut times) = (Instant::now(), Vec::new());
    for (id, begun) in &enqueued {
        while entries.first(*id).is_none() && ended.elapsed() < REST {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let entered = entries.first(*id);
        times.extend(entered.map(|at| at.saturating_duration_since(begun.into_std())));
    }
    Part { enqueued: enqueued.len(), times }
}
