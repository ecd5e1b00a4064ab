//! The audit inside a test's database, and what is asked of it at the end.

use std::collections::HashMap;

use sqlx::{Executor, PgPool};
use uuid::Uuid;

use crate::load::calls_back;
use crate::notes::Notes;
use crate::world::World;

/// Installs it: tables and triggers that only watch.
pub(crate) async fn install(db: &PgPool) {
    db.execute(include_str!("audit.sql")).await.unwrap();
}

/// An item that was enqueued, and what may come of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Enqueued {
    pub(crate) id: Uuid,
    pub(crate) kind: Kind,
    /// How many of its attempts return an error.
    pub(crate) fails: u32,
}

impl Enqueued {
    pub(crate) const fn new(id: Uuid, kind: Kind) -> Self {
        Self { id, kind, fails: 0 }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Once,
    Again,
    Book,
}

/// How an item ended.
#[derive(Debug, Clone)]
struct End {
    outcome: i16,
    attempts: i32,
    error: Option<String>,
}

#[derive(Debug, Clone)]
struct Call {
    outcome: String,
    failure: Option<String>,
    attempts: i32,
    context: String,
}

/// What came of all of it.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// Items that ended in success.
    pub(crate) succeeded: usize,
    /// Retry-off actions that ended as lost.
    pub(crate) lost: usize,
    /// Items that were entered again because a process died.
    pub(crate) repeated: usize,
}

/// Checks every promise about every item; panics with all that is wrong.
pub(crate) async fn check(world: &World, items: &[Enqueued]) -> Findings {
    let books = Books::read(world).await;
    let mut faults = Vec::new();
    let mut findings = Findings::default();
    for item in items {
        if let Err(fault) = books.check(item, &mut findings) {
            faults.push(format!("{item:?}: {fault}"));
        }
    }
    for (table, text) in [
        ("SELECT count(*) FROM audit_breaches", "starts beyond the limit"),
        ("SELECT count(*) FROM workpool.work", "items that have not ended"),
        ("SELECT count(*) FROM workpool.callbacks", "callbacks that are not done"),
    ] {
        let count = world.count(table).await;
        if count != 0 {
            faults.push(format!("{count} {text}"));
        }
    }
    let shown = faults.iter().take(20).map(String::as_str).collect::<Vec<_>>().join("\n");
    assert!(faults.is_empty(), "{} faults:\n{shown}", faults.len());
    findings
}

/// After all workers ended in order nothing of them is left.
pub(crate) async fn nobody_is_left(world: &World) {
    assert_eq!(world.count("SELECT count(*) FROM workpool.workers").await, 0, "workers");
    assert_eq!(world.count("SELECT count(*) FROM workpool.slots").await, 0, "slots");
}

/// How many items of the pool ran at once, at most.
pub(crate) async fn peak(world: &World) -> i64 {
    world.count("SELECT peak FROM audit_counts WHERE pool = 'mixed'").await
}

struct Books {
    ends: HashMap<Uuid, Vec<End>>,
    audited: HashMap<Uuid, Vec<i16>>,
    calls: HashMap<Uuid, Vec<Call>>,
    ledger: HashMap<Uuid, usize>,
    notes: Notes,
}

fn by_id<T>(rows: impl IntoIterator<Item = (Uuid, T)>) -> HashMap<Uuid, Vec<T>> {
    let mut map: HashMap<Uuid, Vec<T>> = HashMap::new();
    for (id, row) in rows {
        map.entry(id).or_default().push(row);
    }
    map
}

impl Books {
    async fn read(world: &World) -> Self {
        let db = world.workpool().db();
        let ends: Vec<(_, _, _, _)> = sqlx::query_as(
            "SELECT id, outcome, attempts, errors[array_upper(errors, 1)]->>'kind' AS error FROM workpool.finished",
        )
        .fetch_all(db)
        .await
        .unwrap();
        let audited: Vec<(Uuid, i16)> =
            sqlx::query_as("SELECT work, outcome FROM audit_ends").fetch_all(db).await.unwrap();
        let ends = ends
            .into_iter()
            .map(|(id, outcome, attempts, error)| (id, End { outcome, attempts, error }));
        let calls: Vec<(_, _, _, _, _)> =
            sqlx::query_as("SELECT work, outcome, failure, attempts, context FROM callback_ledger")
                .fetch_all(db)
                .await
                .unwrap();
        let calls = calls.into_iter().map(|(work, outcome, failure, attempts, context)| {
            (work, Call { outcome, failure, attempts, context })
        });
        let ledger: Vec<Uuid> =
            sqlx::query_scalar("SELECT work FROM ledger").fetch_all(db).await.unwrap();
        let ledger = by_id(ledger.into_iter().map(|id| (id, ())));
        Self {
            ends: by_id(ends),
            audited: by_id(audited),
            calls: by_id(calls),
            ledger: ledger.into_iter().map(|(id, rows)| (id, rows.len())).collect(),
            notes: world.notes(),
        }
    }

    fn check(&self, item: &Enqueued, findings: &mut Findings) -> Result<(), String> {
        let none = Vec::new();
        let [end] = &**self.ends.get(&item.id).unwrap_or(&none) else {
            return Err("it has no end".into());
        };
        let audited = self.audited.get(&item.id).map_or(0, Vec::len);
        require(audited == 1, || format!("it ended {audited} times"))?;
        self.check_callback(item, end)?;
        let entries = self.notes.entries(item.id);
        let booked = self.ledger.get(&item.id).copied().unwrap_or(0);
        let success = end.outcome == 0;
        findings.succeeded += usize::from(success);
        let told_to = usize::try_from(item.fails).unwrap_or(usize::MAX);
        findings.repeated += usize::from(entries.len() > told_to.saturating_add(1));
        match item.kind {
            Kind::Once => {
                require(entries.len() <= 1, || format!("entered {} times", entries.len()))?;
                require(end.attempts == 1, || format!("{} attempts", end.attempts))?;
                findings.lost += usize::from(end.error.as_deref() == Some("lost"));
            }
            Kind::Again => {
                let most = usize::try_from(end.attempts).unwrap_or(0);
                require(entries.len() <= most && most <= 3, || {
                    format!("{most} attempts, entered {} times", entries.len())
                })?;
            }
            Kind::Book => {
                let wanted = usize::from(success);
                require(booked == wanted, || format!("its effect is there {booked} times"))?;
            }
        }
        let exits = self.notes.exits(item.id);
        require(!success || exits.iter().any(|exit| exit.attempt == end.attempts), || {
            "a success that nobody saw".into()
        })?;
        check_outcome(item, end)
    }

    fn check_callback(&self, item: &Enqueued, end: &End) -> Result<(), String> {
        let none = Vec::new();
        if !calls_back(item.id) {
            let calls = self.calls.get(&item.id).map_or(0, Vec::len);
            return require(calls == 0, || "it has no callback, and one ran".into());
        }
        let [call] = &**self.calls.get(&item.id).unwrap_or(&none) else {
            let calls = self.calls.get(&item.id).map_or(0, Vec::len);
            return Err(format!("its callback took effect {calls} times"));
        };
        let outcome = ["success", "failed", "canceled"][usize::try_from(end.outcome).unwrap_or(2)];
        let failure = call.failure.as_deref().map(str::to_lowercase);
        let told_why = end.outcome != 1 || failure.as_deref() == end.error.as_deref();
        let told = call.outcome == outcome && call.attempts == end.attempts && told_why;
        require(told, || format!("its callback was told {call:?}, it ended as {end:?}"))?;
        require(call.context == item.id.to_string(), || format!("context {}", call.context))
    }
}

/// An item fails because it was told to, or because its worker died where that is allowed.
fn check_outcome(item: &Enqueued, end: &End) -> Result<(), String> {
    let error = end.error.as_deref();
    let lost_may_fail = match item.kind {
        Kind::Once => true,
        Kind::Again => end.attempts == 3,
        Kind::Book => false,
    };
    let good = match end.outcome {
        0 => item.fails < 3,
        1 if item.fails > 0 && error == Some("error") => true,
        1 => error == Some("lost") && lost_may_fail,
        _ => false,
    };
    require(good, || format!("it ended like this: {end:?}"))
}

fn require(holds: bool, fault: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(fault()) }
}
