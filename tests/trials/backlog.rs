//! Ten million items that wait in fifty pools: what claims, enqueues and looks take does not depend
//! on them, nor do claims on the pruning of a million that have ended.

use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use tokio::task::JoinSet;
use tokio::time::Instant;
use workpool::{Pool, Workpool};

use crate::claims::Claimer;
use crate::functions::{Task, once};
use crate::place::{self, Place};
use crate::report::{Report, Setup, ms, percentile};

const WAITING: u64 = 10_000_000;
const ENDED: u64 = 1_000_000;
const POOLS: u64 = 50;
const CLAIMS: u64 = 2000;
const ENQUEUES: u64 = 8000;
const ENQUEUERS: u64 = 16;
/// How long loading and pruning may take.
const PATIENCE: Duration = Duration::from_mins(10);

pub(crate) async fn run(setup: &Setup) -> Report {
    let mut report = Report::default();
    let place = Place::new().await;
    let names: Vec<_> = (0..POOLS).map(|n| format!("pool-{n}")).collect();
    for name in &names {
        place.near.create_pool(Pool::new(name)).await.unwrap();
    }
    let mut numbers = setup.numbers(0);
    let empty = enqueue(&place, setup, &names).await;
    load(&place, setup.some(WAITING)).await;
    let full = enqueue(&place, setup, &names).await;
    report.figure("enqueued a second, empty", empty);
    report.figure("enqueued a second, backlog", full);
    report.require(!setup.strict || full * 10 >= empty * 8, || format!("{empty}/s, then {full}/s"));

    let mut claimer = Claimer::new(&place, &names).await;
    let mut alone = claims(&mut claimer, setup, &names, &mut numbers, &mut report).await;
    let slowest = look(&place.near, &names).await;
    report.figure("slowest look, ms", ms(slowest));
    let bound = Duration::from_millis(200);
    report.require(!setup.strict || slowest <= bound, || format!("a look took {slowest:?}"));

    let mut beside = prune(&place, setup, &mut claimer, (&names, &mut numbers), &mut report).await;
    let (before, after) = (percentile(&mut alone, 99), percentile(&mut beside, 99));
    for (name, times) in [("claims", &mut alone), ("claims while pruning", &mut beside)] {
        report.figure(&format!("{name} p50, ms"), ms(percentile(times, 50)));
        report.figure(&format!("{name} p99, ms"), ms(percentile(times, 99)));
    }
    let bound = Duration::from_millis(50);
    report.require(!setup.strict || before <= bound, || format!("claims p99 {before:?}"));
    report.require(!setup.strict || after <= before * 2, || format!("{before:?}, then {after:?}"));
    report
}

/// Rows as enqueues would have written them over the last hours; nobody tells the planner.
async fn load(place: &Place, items: u64) {
    let fill = format!(
        "INSERT INTO workpool.work (id, pool, function, kind, run_at, args, status_ttl_ms)
         SELECT gen_random_uuid(), 'pool-' || n % {POOLS}, 'once', 0,
            now() - interval '3 hours' + n * interval '1 ms', '{{\"fails\":0,\"ms\":0}}', 0
         FROM generate_series(1, {items}) n"
    );
    place.execute(&fill).await;
    // As autovacuum does soon after.
    place.execute("VACUUM workpool.work").await;
}

/// How many items a second are stored, by several at once.
async fn enqueue(place: &Place, setup: &Setup, names: &[String]) -> u64 {
    let workpool = place.handle(8).await;
    let each = setup.some(ENQUEUES).max(160) / ENQUEUERS;
    let begun = Instant::now();
    let mut tasks = JoinSet::new();
    for n in 0..ENQUEUERS {
        let workpool = workpool.clone();
        let pool = names[usize::try_from(n).unwrap() % names.len()].clone();
        tasks.spawn(async move {
            for _ in 0..each {
                once::enqueue(&workpool, Task::SUCCEEDS).pool(&pool).await.unwrap();
            }
        });
    }
    tasks.join_all().await;
    let us = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
    each * ENQUEUERS * 1_000_000 / us.max(1)
}

/// What one claim takes, again and again.
async fn claims(
    claimer: &mut Claimer,
    setup: &Setup,
    names: &[String],
    numbers: &mut StdRng,
    report: &mut Report,
) -> Vec<Duration> {
    let mut times = Vec::new();
    for _ in 0..setup.some(CLAIMS).max(100) {
        report.exposures += 1;
        let pool = &names[numbers.random_range(0..names.len())];
        times.push(claimer.claim_and_end(pool).await);
    }
    times
}

/// What people look at first, at its slowest.
async fn look(workpool: &Workpool, names: &[String]) -> Duration {
    let mut slowest = Duration::ZERO;
    for name in names {
        let begun = Instant::now();
        workpool.stats(name).await.unwrap();
        slowest = slowest.max(begun.elapsed());
    }
    let begun = Instant::now();
    workpool.inspect().pools().await.unwrap();
    slowest.max(begun.elapsed())
}

/// Claims while a worker prunes what has ended and may be forgotten.
async fn prune(
    place: &Place,
    setup: &Setup,
    claimer: &mut Claimer,
    (names, numbers): (&[String], &mut StdRng),
    report: &mut Report,
) -> Vec<Duration> {
    const LEFT: &str = "SELECT count(*) FROM (SELECT FROM workpool.finished LIMIT 1) n";
    let items = setup.some(ENDED);
    let ended = format!(
        "INSERT INTO workpool.finished (id, pool, function, kind, outcome, attempts, enqueued_at, finished_at, expires_at)
         SELECT gen_random_uuid(), 'pool-' || n % {POOLS}, 'once', 0, 0, 1, now(), now(), now()
         FROM generate_series(1, {items}) n"
    );
    place.execute(&ended).await;
    let process = place.handle(5).await;
    // It serves no pool that there is: it only keeps house.
    let worker = place::quick(&process).only_pools(["none"]).start().await.unwrap();
    let (begun, mut times) = (Instant::now(), Vec::new());
    while place.count(LEFT).await > 0 {
        times.extend(claims(claimer, &setup.part(0.1), names, numbers, report).await);
        if begun.elapsed() > PATIENCE {
            report.breach("what has ended is not pruned");
            break;
        }
    }
    report.figure("pruned in, s", begun.elapsed().as_secs());
    worker.shutdown().await;
    times
}
