//! Workers whose time of day is wrong, by minutes and by more than a year, and jumps. All work is
//! scheduled: it starts when the clock of the database says so, and never earlier.

use std::time::Duration;

use workpool_tests::Random;

use super::percentiles;
use crate::Options;
use crate::books::{Books, Step};
use crate::run::{Run, Setting};
use crate::verdict::Verdict;

/// By how much a clock is off.
const OFF: [&str; 5] = ["-400d", "-10m", "+10m", "+400d", "+0"];
/// Milliseconds between jumps.
const GAP: (u64, u64) = (500, 1500);
const JUMPS: usize = 120;
/// How late work may start, where enough slots are free.
const LATE: Duration = Duration::from_secs(1);
/// Never full: who waits for a slot says nothing about clocks.
const LIMITS: [u32; 4] = [40, 40, 40, 40];

pub(crate) async fn run(options: &Options, seed: u64) -> anyhow::Result<bool> {
    let setting = Setting {
        scenario: "clocks",
        items: options.items.unwrap_or(10_000),
        ms: (5, 30),
        limits: LIMITS.to_vec(),
        exact: true,
        backlog: 300,
        delay: (200, 3000),
        clocks: true,
        ..Setting::usual()
    };
    let mut run = Run::begin(options, setting, seed).await?;
    let begun = run.timeline.begun().elapsed();
    let feed = run.feed();
    let mut random = Random::of(seed);
    let (mut at, mut jumps) = (Duration::ZERO, 0);
    while options.goes_on(jumps, JUMPS, at) {
        at += Duration::from_millis(random.between(GAP.0, GAP.1));
        run.until(begun + at).await;
        let (seat, off) = (random.index(options.workers), OFF[random.index(OFF.len())]);
        let inside = run.outside.inside(run.fleet.pid(seat));
        run.strikes("jump", &format!("worker-{seat} to {off}"), inside);
        run.fleet.jump(seat, off)?;
        jumps += 1;
    }
    let bound = options.bound(LATE);
    let check = |books: &Books, verdict: &mut Verdict| check_starts(books, bound, verdict);
    Ok(run.end_with(feed, check).await)
}

/// By the clock of the database. That nothing starts early is one of the legal steps.
fn check_starts(books: &Books, bound: Duration, verdict: &mut Verdict) {
    let starts = books.moves.values().flatten().filter(|step| step.what == Step::Start);
    let late: Vec<_> = starts.map(|start| start.at.since(start.due)).collect();
    let beyond = late.iter().filter(|late| **late > bound).count();
    if beyond > 0 {
        verdict.breaches.push(format!("{beyond} starts are more than {bound:?} late"));
    }
    verdict.fact("late_ms", percentiles(late));
}
