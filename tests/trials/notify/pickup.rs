//! How soon an idle worker of another process picks up work.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use workpool::WorkId;
use workpool::Workpool;

use crate::functions::{Entries, Kind, Task};
use crate::place::{self, Place};
use crate::report::{Report, Setup, ms, percentile};

/// Items at full size.
const ITEMS: u64 = 200;
/// What the worker is told; it must be hints that are quicker.
const POLL: Duration = Duration::from_mins(1);
/// The listener notices within this that nothing arrives.
const DEAF: Duration = Duration::from_secs(20);
/// Quick, but on a machine that has other things to do.
const QUICK: Duration = Duration::from_secs(2);
/// What a hint should take when nothing else goes on.
const IDLE: Duration = Duration::from_millis(100);

pub(super) async fn run(setup: &Setup, report: &mut Report) {
    let place = Place::new().await;
    place.execute(include_str!("../../simulation/audit.sql")).await;
    let (proxy, far_url) = place.proxy().await;
    let far = place::handle(&far_url, 5).await;
    let entries = Entries::default();
    let worker = place::quick(&far).state(entries.clone()).poll_interval(POLL);
    let worker = worker.start().await.unwrap();
    // Two that do not count: whatever is prepared at first.
    let mut times = Vec::new();
    for item in 0..setup.some(ITEMS) + 2 {
        let taken = picked_up(&place.near, &entries, POLL).await;
        report.exposures += 1;
        match taken {
            Some(taken) if item >= 2 => times.push(taken),
            Some(_) => {}
            None => report.breach("an item was not picked up within the poll interval"),
        }
        // Until it sleeps again.
        assert!(place.quiet(POLL).await, "an item ends");
        sleep(Duration::from_millis(20)).await;
    }
    let p95 = percentile(&mut times, 95);
    report.figure("pick-up p50, ms", ms(percentile(&mut times, 50)));
    report.figure("pick-up p95, ms", ms(p95));
    report.require(!setup.strict || p95 <= IDLE, || format!("pick-up p95 {p95:?}"));
    proxy.mute("workpool listener");
    report.exposures += 2;
    let once = picked_up(&place.near, &entries, POLL).await.unwrap_or(POLL);
    report.figure("pick-up with a deaf listener, ms", ms(once));
    report.require(once <= DEAF + QUICK, || format!("with a deaf listener {once:?}"));
    let then = picked_up(&place.near, &entries, POLL).await.unwrap_or(POLL);
    report.figure("pick-up after that, ms", ms(then));
    report.require(then <= QUICK, || format!("after a deaf listener {then:?}"));
    worker.shutdown().await;
}

/// Enqueues an item and waits until it is entered; none if it was not in time.
async fn picked_up(workpool: &Workpool, entries: &Entries, limit: Duration) -> Option<Duration> {
    let id = WorkId::new();
    Kind::Once.enqueue(workpool, id, Task::SUCCEEDS).await.unwrap();
    let begun = Instant::now();
    while begun.elapsed() < limit {
        if let Some(entered) = entries.first(id.uuid()) {
            return Some(entered.saturating_duration_since(begun.into_std()));
        }
        sleep(Duration::from_millis(1)).await;
    }
    None
}
