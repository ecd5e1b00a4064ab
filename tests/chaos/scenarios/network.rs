//! Workers behind bad wires: latency with jitter, resets, and black holes that swallow what is sent
//! for three leases, or for ever, on some connections of a worker or on all.

use std::collections::HashSet;
use std::time::Duration;

use workpool_tests::{Random, Weather};

use super::percentiles;
use crate::Options;
use crate::books::{Books, Step};
use crate::clock::Moment;
use crate::roads::Way;
use crate::run::{Run, Setting};
use crate::verdict::Verdict;

const LIMITS: [u32; 8] = [30, 20, 15, 12, 10, 8, 3, 2];
const WEATHER: Weather = Weather { latency: (5, 200), resets: 1 };
/// Milliseconds between black holes.
const GAP: (u64, u64) = (2000, 5000);
const HOLES: usize = 120;
/// In leases.
const LONG: u32 = 3;
/// Some have to be left to take over.
const CLEAR: usize = 2;
/// In so many heartbeats one expiry without a black hole is allowed.
const PER: usize = 10_000;
/// Within which something is started after the last fault.
const BACK: Duration = Duration::from_secs(10);

/// What is swallowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hole {
    /// Everything, new connections included, until it is healed.
    All,
    /// What goes over half of the connections, until it is healed.
    Half,
    /// What goes over the present connections, for ever.
    Forgotten,
}

/// Somebody was in a black hole.
#[derive(Debug, Clone, Copy)]
struct Span {
    seat: usize,
    hole: Hole,
    from: Moment,
    /// Later than any other while it lasts.
    until: Moment,
}

pub(crate) async fn run(options: &Options, seed: u64) -> anyhow::Result<bool> {
    let setting = Setting {
        scenario: "network",
        items: options.items.unwrap_or(5_000),
        ms: (20, 280),
        limits: LIMITS.to_vec(),
        // A session whose client is in a black hole stays where it is.
        freezes: true,
        backlog: 500,
        way: Way::Wires,
        ..Setting::usual()
    };
    let mut run = Run::begin(options, setting, seed).await?;
    run.roads.wires.iter().for_each(|wire| wire.weather(WEATHER));
    let feed = run.feed();
    let spans = swallow(&mut run, options, seed).await;
    run.roads.wires.iter().for_each(|wire| wire.weather(Weather::default()));
    let resets: usize = run.roads.wires.iter().map(workpool_tests::Wire::resets).sum();
    let heartbeats: i64 = sqlx::query_scalar(
        "SELECT n_tup_upd FROM pg_stat_user_tables
        WHERE schemaname = 'workpool' AND relname = 'workers'",
    )
    .fetch_one(run.workpool.db())
    .await?;
    let pids: Vec<_> = (0..options.workers).map(|seat| run.fleet.pid(seat)).collect();
    let (lease, back) = (options.lease(), options.bound(BACK));
    let falsely = options.scaled(usize::try_from(heartbeats)?.div_ceil(PER));
    let check = |books: &Books, verdict: &mut Verdict| {
        verdict.fact("resets", resets);
        verdict.fact("heartbeats", heartbeats);
        check_expiries(&spans, &pids, lease, falsely, books, verdict);
        check_returns(&spans, &pids, back, books, verdict);
    };
    Ok(run.end_with(feed, check).await)
}

/// Each hole at its time. All are healed when it returns.
async fn swallow(run: &mut Run, options: &Options, seed: u64) -> Vec<Span> {
    let mut random = Random::of(seed);
    let begun = run.timeline.begun().elapsed();
    let mut healthy = vec![Duration::ZERO; options.workers];
    let mut spans: Vec<Span> = Vec::new();
    let (mut at, mut count) = (Duration::ZERO, 0);
    while options.goes_on(count, HOLES, at) {
        at += Duration::from_millis(random.between(GAP.0, GAP.1));
        let (hole, any) = (
            [Hole::All, Hole::Half, Hole::Forgotten][random.index(3)],
            random.index(options.workers),
        );
        heal(run, &mut spans, &healthy, begun, at).await;
        let clear: Vec<_> = (0..options.workers).filter(|seat| healthy[*seat] < at).collect();
        if clear.len() <= CLEAR {
            continue;
        }
        run.until(begun + at).await;
        let seat = clear[any % clear.len()];
        healthy[seat] = at + options.lease() * LONG;
        let inside = run.outside.inside(run.fleet.pid(seat));
        run.strikes("swallow", &format!("worker-{seat} {hole:?}"), inside);
        let wire = &run.roads.wires[seat];
        match hole {
            Hole::All => wire.part(),
            Hole::Half => wire.part_half(),
            Hole::Forgotten => wire.forget(),
        }
        spans.push(Span { seat, hole, from: Moment::now(), until: Moment::NEVER });
        count += 1;
    }
    heal(run, &mut spans, &healthy, begun, Duration::MAX).await;
    spans
}

/// Heals, each at its time, all whose time comes before `until`.
async fn heal(
    run: &Run,
    spans: &mut [Span],
    healthy: &[Duration],
    begun: Duration,
    until: Duration,
) {
    let mut open: Vec<_> = spans.iter_mut().filter(|span| span.until == Moment::NEVER).collect();
    open.sort_by_key(|span| healthy[span.seat]);
    for span in open.into_iter().filter(|span| healthy[span.seat] < until) {
        run.until(begun + healthy[span.seat]).await;
        run.roads.wires[span.seat].heal();
        span.until = Moment::now();
        run.timeline.note("heal", &format!("worker-{}", span.seat), "");
    }
}

/// Latency and resets alone cost hardly any worker its lease.
fn check_expiries(
    spans: &[Span],
    pids: &[u32],
    lease: Duration,
    allowed: usize,
    books: &Books,
    verdict: &mut Verdict,
) {
    let by_worker = books.pids();
    let (mut lost, mut falsely) = (HashSet::new(), 0);
    for life in books.lives.iter().filter(|life| life.what == "dead") {
        // Who recovers a worker may have to begin again.
        if !lost.insert(life.worker) {
            continue;
        }
        let (pid, at) = (by_worker.get(&life.worker), Moment(life.at_us));
        // Who was cut off half a lease ago may still expire for it.
        let cut_off = spans.iter().any(|span| {
            Some(&pids[span.seat]) == pid && span.from <= at && at.since(span.until) < lease * 2
        });
        falsely += usize::from(!cut_off);
    }
    if falsely > allowed {
        verdict.breaches.push(format!("{falsely} false expiries where {allowed} are allowed"));
    }
    verdict.fact("expiries", lost.len());
    verdict.fact("false_expiries", falsely);
}

/// Whoever was cut off for a while works again, and soon when nobody else is cut off any more: who
/// is cut off inside a transaction may hold up the others until the server ends it.
fn check_returns(
    spans: &[Span],
    pids: &[u32],
    bound: Duration,
    books: &Books,
    verdict: &mut Verdict,
) {
    let by_worker = books.pids();
    let first_start = |from: Moment, pid: Option<u32>| {
        let own = books.moves.values().flatten().filter(|step| {
            let worker = step.worker.and_then(|worker| by_worker.get(&worker));
            step.what == Step::Start && step.at >= from && (pid.is_none() || worker == pid.as_ref())
        });
        own.map(|step| step.at.since(from)).min()
    };
    let alone = spans.iter().filter(|span| span.hole == Hole::All);
    let back: Vec<_> = alone.map(|span| first_start(span.until, Some(pids[span.seat]))).collect();
    let never = back.iter().filter(|time| time.is_none()).count();
    if never > 0 {
        verdict.breaches.push(format!("{never} workers never started anything again"));
    }
    verdict.fact("back_ms", percentiles(back.into_iter().flatten().collect()));
    let Some(last) = spans.iter().map(|span| span.until).max() else { return };
    let resumed = first_start(last, None);
    if resumed.is_none_or(|time| time > bound) {
        verdict.breaches.push(format!("after the last fault work went on after {resumed:?}"));
    }
    verdict.fact("resumed_ms", percentiles(resumed.into_iter().collect()));
}
