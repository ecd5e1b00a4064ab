//! Cuts around everything that a worker sends while it runs mixed work, recovers the work of the
//! dead, steps down and comes back.

use std::time::Duration;

use rand::RngExt;
use rand::seq::SliceRandom;
use tokio::time::{Instant, sleep};
use uuid::Uuid;
use workpool::{WorkId, Worker, sqlx};
use workpool_tests::Loses;

use super::bench::{BEGIN, Bench};
use crate::functions::{Entries, Kind, Task, once, parent};
use crate::place;
use crate::report::{Report, Setup};

/// How soon everything is in order again after lost answers: far longer than it takes.
const MENDED: Duration = Duration::from_secs(30);
/// How long a statement is waited for that is sent only now and then.
const SOON: Duration = Duration::from_millis(600);
/// Cuts that are set up at once.
const AT_ONCE: usize = 3;

/// What a worker sends: the statement, and how the connection calls itself.
const STATEMENTS: [(&str, &str); 29] = [
    ("claim", ""),
    ("claim_pool", ""),
    ("succeed", "workpool ends"),
    ("succeed", "workpool mutations"),
    ("succeed_and_call", "workpool ends"),
    ("turn", "workpool ends"),
    ("finish", "workpool ends"),
    ("finish", "workpool mutations"),
    ("COMMIT", "workpool mutations"),
    ("COMMIT", "workpool callbacks"),
    ("finish_callbacks", ""),
    ("retry", "workpool ends"),
    ("take", ""),
    ("lock_pools", ""),
    ("lock_own", ""),
    ("sync", ""),
    ("due", ""),
    ("claim_callbacks", ""),
    ("next_callback", ""),
    ("renew", ""),
    ("leases", ""),
    ("bury", ""),
    ("abandoned", ""),
    ("inter", ""),
    ("orphans", ""),
    ("prune", ""),
    ("add_stats", ""),
    ("COMMIT", ""),
    (BEGIN, ""),
];
/// What it sends at its end.
const LAST_STATEMENTS: [(&str, &str); 5] = [
    ("release_callbacks", ""),
    ("give_back_all", ""),
    ("release_unknown", ""),
    ("deregister", ""),
    ("lock_slots", ""),
];

/// A statement, whose it is, and what becomes of it.
type Cut = (&'static str, &'static str, Loses);

/// An item, and what may come of it.
struct Item {
    id: Uuid,
    kind: Kind,
    fails: u32,
    /// Its first worker died with it.
    orphaned: bool,
}

/// Until so many cuts have hit.
pub(super) async fn run(setup: &Setup, cuts: u64, report: &mut Report) {
    let mut bench = Bench::new(setup, 2, report).await;
    let entries = Entries::default();
    let mut worker = Some(start(&bench, &entries).await);
    let (mut items, mut brief) = (Vec::new(), 0);
    let mut decks = [Vec::new(), Vec::new()];
    // Some cuts miss.
    for round in 0..cuts {
        if bench.proxy.hits() as u64 >= cuts {
            break;
        }
        let last = round % 10 == 9;
        arm(&mut bench, &mut decks[usize::from(last)], last);
        items.extend(load(&mut bench).await);
        brief += 1;
        once::enqueue(&bench.place.near, Task::SUCCEEDS)
            .status_ttl(Duration::from_millis(1))
            .await
            .unwrap();
        // Slots have to be taken anew.
        let limit = bench.numbers.random_range(2..6);
        bench.place.near.pool("mixed").set_max_parallelism(limit).await.unwrap();
        if last {
            worker.take().unwrap().shutdown().await;
            worker = Some(start(&bench, &entries).await);
        }
        struck(&bench).await;
        if !bench.place.quiet(MENDED).await {
            bench.report.breach(format!("round {round}: not everything has ended"));
            break;
        }
        bench.proxy.disarm();
    }
    worker.unwrap().shutdown().await;
    let hits = bench.proxy.hits() as u64;
    bench.report.exposures += hits;
    bench.report.figure("cuts of a worker", hits);
    bench.report.figure("items of the worker", items.len());
    for item in &items {
        check(&mut bench, item, &entries).await;
    }
    let ended = "SELECT count(*) FROM audit_ends".to_owned();
    // Parents have children.
    let children = i64::try_from(items.len()).unwrap() + brief;
    bench.must("ends", ended, children).await;
    // What a shutdown could not hand back is recovered when the lease runs out.
    for table in ["work", "callbacks"] {
        bench.must("left", format!("SELECT count(*) FROM workpool.{table}"), 0).await;
    }
}

async fn start(bench: &Bench<'_>, entries: &Entries) -> Worker {
    let begun = Instant::now();
    loop {
        let worker = place::quick(&bench.far).state(entries.clone());
        match worker.start().await {
            Ok(worker) => return worker,
            Err(error) => {
                assert!(begun.elapsed() < MENDED, "a worker does not start: {error}");
                sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// Each cut comes once in a round.
fn arm(bench: &mut Bench<'_>, deck: &mut Vec<Cut>, last: bool) {
    for _ in 0..AT_ONCE {
        if deck.is_empty() {
            let some = if last { &LAST_STATEMENTS[..] } else { &STATEMENTS[..] };
            for loses in [Loses::Statement, Loses::Answer] {
                deck.extend(some.iter().map(|(name, of)| (*name, *of, loses)));
            }
            deck.shuffle(&mut bench.numbers);
        }
        let (name, application, loses) = deck.pop().unwrap();
        bench.proxy.arm(bench.place.fault(loses, name).of(application));
    }
}

/// Waits until what was set up has struck, or most likely will not.
async fn struck(bench: &Bench<'_>) {
    let begun = Instant::now();
    while bench.proxy.is_armed() && begun.elapsed() < SOON {
        sleep(Duration::from_millis(10)).await;
    }
}

/// Some items of all kinds: good ones, failing ones, a parent, and those of a worker that died.
async fn load(bench: &mut Bench<'_>) -> Vec<Item> {
    let mut items = Vec::new();
    for kind in Kind::ALL {
        for orphaned in [false, true] {
            let fails = bench.numbers.random_range(0..=u32::from(kind == Kind::Again));
            let id = WorkId::new();
            let task = Task { fails, ms: bench.numbers.random_range(0..5) };
            let mut tx = bench.place.near.db().begin().await.unwrap();
            kind.enqueue(&bench.place.near.within(&mut tx), id, task).await.unwrap();
            if orphaned {
                orphan(&mut tx, id.uuid()).await;
            }
            tx.commit().await.unwrap();
            items.push(Item { id: id.uuid(), kind, fails, orphaned });
        }
    }
    let (family, child) = (WorkId::new(), WorkId::new());
    parent::enqueue(&bench.place.near, child)
        .id(family)
        .on_complete::<crate::functions::told>(family.to_string())
        .await
        .unwrap();
    for id in [family, child] {
        items.push(Item { id: id.uuid(), kind: Kind::Once, fails: 0, orphaned: false });
    }
    items
}

/// As if a worker had claimed it and died.
async fn orphan(conn: &mut sqlx::PgConnection, id: Uuid) {
    let dead = Uuid::now_v7();
    for sql in [
        "INSERT INTO workpool.workers (id, expires_at, lease_us, host, pid, version, functions)
         SELECT $1, 'epoch', 30000, 'dead', 0, '', '{}' WHERE $2 <> $1",
        "INSERT INTO workpool.slots (pool, worker, granted, claimed_to)
         SELECT pool, $1, 0, run_at FROM workpool.work WHERE id = $2",
        "UPDATE workpool.work SET worker = $1, attempt = 1, fence = 1, started_at = now()
         WHERE id = $2",
    ] {
        sqlx::query(sql).bind(dead).bind(id).execute(&mut *conn).await.unwrap();
    }
}

/// It ended once, as it should, with its effects and its callback.
async fn check(bench: &mut Bench<'_>, item: &Item, entries: &Entries) {
    let Item { id, kind, fails, orphaned } = item;
    let lost = *orphaned && *kind == Kind::Once;
    let outcome = i16::from(lost);
    let ends = format!("SELECT count(*) FROM audit_ends WHERE work = '{id}'");
    bench.must("ends", format!("{ends} AND outcome = {outcome}"), 1).await;
    bench.must("ends", ends, 1).await;
    let told = if lost { "failed" } else { "success" };
    let calls = format!("SELECT count(*) FROM callback_ledger WHERE work = '{id}'");
    bench.must("callbacks", format!("{calls} AND outcome = '{told}'"), 1).await;
    bench.must("callbacks", calls, 1).await;
    let booked = i64::from(*kind == Kind::Book);
    bench.must("ledger", format!("SELECT count(*) FROM ledger WHERE work = '{id}'"), booked).await;
    let entered = entries.of(*id);
    let good = match kind {
        Kind::Once => entered == usize::from(!lost),
        // Lost connections do not use attempts, deaths and errors do.
        Kind::Again => entered == 1 + usize::try_from(*fails).unwrap() || *orphaned,
        Kind::Book | Kind::Look => entered >= 1,
    };
    bench.report.require(good, || format!("{id} {kind:?} was entered {entered} times"));
}
