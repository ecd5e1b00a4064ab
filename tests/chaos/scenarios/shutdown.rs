//! Workers are asked to stop under load, some of them while they are only just starting.

use std::time::Duration;

use tokio::time::sleep;
use workpool_tests::Random;

use super::percentiles;
use crate::Options;
use crate::books::Books;
use crate::run::{Run, Setting};
use crate::verdict::Verdict;

const LIMITS: [u32; 8] = [20, 15, 10, 8, 6, 4, 3, 2];
/// Longer than any attempt.
const GRACE: Duration = Duration::from_secs(5);
const BEYOND: Duration = Duration::from_secs(2);

/// One shutdown.
#[derive(Debug)]
struct Stop {
    seat: usize,
    /// After the one before.
    pause: Duration,
    /// The one that follows on this seat is asked to stop so soon after it was started.
    early: Option<Duration>,
}

pub(crate) async fn run(options: &Options, seed: u64) -> anyhow::Result<bool> {
    let setting = Setting {
        scenario: "shutdown",
        items: options.items.unwrap_or(20_000),
        ms: (20, 280),
        limits: LIMITS.to_vec(),
        grace: GRACE,
        exact: true,
        ..Setting::usual()
    };
    let mut run = Run::begin(options, setting, seed).await?;
    let feed = run.feed();
    let mut times = Vec::new();
    for Stop { seat, pause, early } in plan(options, seed) {
        sleep(pause).await;
        times.extend(leave(&mut run, seat, "stop").await);
        run.fleet.start(seat);
        if let Some(early) = early {
            sleep(early).await;
            times.extend(leave(&mut run, seat, "early").await);
            run.fleet.start(seat);
        }
    }
    let bound = run.options.bound(BEYOND) + GRACE;
    let check = |books: &Books, verdict: &mut Verdict| {
        let late = times.iter().filter(|time| **time > bound).count();
        if late > 0 {
            verdict.breaches.push(format!("{late} workers took longer than {bound:?} to end"));
        }
        verdict.fact("exit_ms", percentiles(times));
        let expired = books.lives.iter().filter(|life| life.what == "dead").count();
        if expired > 0 {
            verdict.breaches.push(format!("{expired} leases ran out"));
        }
        if verdict.count("lost") > 0 {
            verdict.breaches.push("items were lost although the grace was long enough".into());
        }
        books.check_counters(verdict);
    };
    Ok(run.end_with(feed, check).await)
}

async fn leave(run: &mut Run, seat: usize, what: &str) -> Option<Duration> {
    let inside = run.outside.inside(run.fleet.pid(seat));
    run.strikes(what, &format!("worker-{seat}"), inside);
    run.fleet.leave(seat, GRACE + 4 * BEYOND).await
}

fn plan(options: &Options, seed: u64) -> Vec<Stop> {
    let mut random = Random::of(seed);
    let (mut stops, mut count, mut at) = (Vec::new(), 0, Duration::ZERO);
    while options.goes_on(count, 300, at) {
        let pause = Duration::from_millis(random.between(50, 450));
        let early = (random.below(4) == 0).then(|| Duration::from_millis(random.below(150)));
        count += 1 + usize::from(early.is_some());
        // About what a shutdown takes, for runs that are measured in minutes.
        at += pause + Duration::from_millis(300);
        stops.push(Stop { seat: random.index(options.workers), pause, early });
    }
    stops
}
