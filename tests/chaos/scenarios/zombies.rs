//! Workers are frozen for longer than their lease, several at once, and thawed: they come back as if
//! nothing had happened, and nothing that they write may land.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use uuid::Uuid;
use workpool_tests::Random;

use crate::Options;
use crate::books::Books;
use crate::logs;
use crate::run::{Run, Setting};
use crate::verdict::Verdict;

const LIMITS: [u32; 8] = [30, 20, 15, 12, 10, 8, 3, 2];
/// Milliseconds between freezes.
const GAP: (u64, u64) = (400, 1200);
/// Some have to be left to take over.
const AWAKE: usize = 2;

#[derive(Debug, Clone, Copy)]
enum Fault {
    Freeze(usize),
    Thaw(usize),
}

pub(crate) async fn run(options: &Options, seed: u64) -> anyhow::Result<bool> {
    let mut options = options.clone();
    options.lease.get_or_insert(1000);
    let setting = Setting {
        scenario: "zombies",
        items: options.items.unwrap_or(20_000),
        ms: (20, 380),
        limits: LIMITS.to_vec(),
        freezes: true,
        ..Setting::usual()
    };
    let mut run = Run::begin(&options, setting, seed).await?;
    let begun = run.timeline.begun().elapsed() + Duration::from_secs(1);
    let feed = run.feed();
    for (at, fault) in plan(&options, seed) {
        run.until(begun + at).await;
        match fault {
            Fault::Freeze(seat) => {
                let inside = run.outside.inside(run.fleet.pid(seat));
                run.strikes("freeze", &format!("worker-{seat}"), inside);
                run.fleet.freeze(seat).await;
            }
            Fault::Thaw(seat) => {
                run.timeline.note("thaw", &format!("worker-{seat}"), "");
                run.fleet.thaw(seat).await;
            }
        }
    }
    let (folder, seats) = (run.verdict.folder().to_owned(), options.workers);
    let check = |books: &Books, verdict: &mut Verdict| {
        let lines = (0..seats).flat_map(|seat| logs::read(&folder, seat));
        check_reports(&lines.map(|line| line.text).collect::<Vec<_>>(), books, verdict);
    };
    Ok(run.end_with(feed, check).await)
}

/// Each freeze with its thaw, by time. Who is frozen is not frozen again.
fn plan(options: &Options, seed: u64) -> BTreeMap<Duration, Fault> {
    let mut random = Random::of(seed);
    let lease = u64::try_from(options.lease().as_millis()).unwrap_or(u64::MAX);
    let mut faults = BTreeMap::new();
    let mut thaws = vec![Duration::ZERO; options.workers];
    let (mut at, mut count) = (Duration::ZERO, 0);
    while options.goes_on(count, 200, at) {
        at += Duration::from_millis(random.between(GAP.0, GAP.1));
        let awake: Vec<_> = (0..options.workers).filter(|seat| thaws[*seat] < at).collect();
        if awake.len() <= AWAKE {
            continue;
        }
        let seat = awake[random.index(awake.len())];
        // Microseconds of its own keep two faults from sharing a moment.
        let own = Duration::from_micros(u64::try_from(count).unwrap_or(0) % 1000);
        thaws[seat] = at + Duration::from_millis(random.between(lease * 3 / 2, lease * 4)) + own;
        faults.insert(at + own, Fault::Freeze(seat));
        faults.insert(thaws[seat], Fault::Thaw(seat));
        count += 1;
    }
    faults
}

/// Each worker that was taken for dead has said so itself.
fn check_reports(lines: &[String], books: &Books, verdict: &mut Verdict) {
    let lost = lines.iter().filter(|line| line.contains("event=\"lease_lost\""));
    let reported: HashSet<_> = lost.filter_map(|line| worker_in(line)).collect();
    let dead = books.lives.iter().filter(|life| life.what == "dead");
    let dead: HashSet<_> = dead.map(|life| life.worker).collect();
    for silent in dead.difference(&reported) {
        verdict.breaches.push(format!("worker {silent} was taken for dead and says nothing"));
    }
    let fenced = lines.iter().filter(|line| line.contains("event=\"fenced\"")).count();
    verdict.fact("zombies", dead.len());
    verdict.fact("fenced", fenced);
}

fn worker_in(line: &str) -> Option<Uuid> {
    line.split(' ').find_map(|word| word.strip_prefix("worker=")?.parse().ok())
}
