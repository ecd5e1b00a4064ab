//! Everything that the database knows at the end.

use std::collections::HashMap;

use sqlx::PgPool;
use uuid::Uuid;

use crate::clock::Moment;
use crate::verdict::Verdict;

/// One step of an item.
#[derive(Debug, Clone)]
pub(crate) struct Move {
    pub(crate) what: Step,
    /// Who runs it, or ran it before this step.
    pub(crate) worker: Option<Uuid>,
    pub(crate) fence: i32,
    pub(crate) attempt: i32,
    /// When it is due.
    pub(crate) due: Moment,
    pub(crate) at: Moment,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Enqueue,
    Start,
    Back,
    End,
    Odd,
}

/// How an item ended.
#[derive(Debug, Clone)]
pub(crate) struct End {
    pub(crate) outcome: i16,
    pub(crate) attempts: i32,
    pub(crate) error: Option<String>,
    pub(crate) result: Option<String>,
}

/// What a callback was told.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) outcome: String,
    pub(crate) failure: Option<String>,
    pub(crate) attempts: i32,
    pub(crate) context: String,
}

/// What happened to a worker.
#[derive(Debug, Clone)]
pub(crate) struct Life {
    pub(crate) worker: Uuid,
    pub(crate) pid: i64,
    pub(crate) what: String,
    pub(crate) at_us: i64,
}

/// All of it, by item.
#[derive(Debug)]
pub(crate) struct Books {
    pub(crate) moves: HashMap<Uuid, Vec<Move>>,
    pub(crate) ends: HashMap<Uuid, End>,
    /// How often each item ended.
    pub(crate) ended: HashMap<Uuid, usize>,
    pub(crate) calls: HashMap<Uuid, Vec<Call>>,
    pub(crate) ledger: HashMap<Uuid, usize>,
    pub(crate) lives: Vec<Life>,
    /// Succeeded, failed, canceled: as the workers have counted.
    pub(crate) counted: [i64; 3],
}

impl Books {
    pub(crate) async fn read(db: &PgPool) -> Result<Self, sqlx::Error> {
        let ends: Vec<(_, _, _, _, _)> = sqlx::query_as(
            "SELECT id, outcome, attempts, errors[array_upper(errors, 1)]->>'kind' AS error,
                result::text AS result
            FROM workpool.finished",
        )
        .fetch_all(db)
        .await?;
        let ends = ends.into_iter().map(|(id, outcome, attempts, error, result)| {
            (id, End { outcome, attempts, error, result })
        });
        let calls: Vec<(_, _, _, _, _)> =
            sqlx::query_as("SELECT work, outcome, failure, attempts, context FROM callback_ledger")
                .fetch_all(db)
                .await?;
        let calls = calls.into_iter().map(|(work, outcome, failure, attempts, context)| {
            (work, Call { outcome, failure, attempts, context })
        });
        let lives: Vec<(_, _, _, _)> = sqlx::query_as(
            "SELECT worker, pid, what, (extract(epoch FROM at) * 1000000)::bigint AS at_us
            FROM audit_workers ORDER BY at",
        )
        .fetch_all(db)
        .await?;
        let (succeeded, failed, canceled) = sqlx::query_as(
            "SELECT COALESCE(sum(succeeded), 0)::bigint, COALESCE(sum(failed), 0)::bigint,
                COALESCE(sum(canceled), 0)::bigint
            FROM workpool.stats",
        )
        .fetch_one(db)
        .await?;
        Ok(Self {
            moves: moves(db)
                .await?
                .into_iter()
                .map(|(id, moves)| (id, without_forgotten(moves)))
                .collect(),
            ends: ends.collect(),
            ended: counts(db, "SELECT work FROM audit_ends").await?,
            calls: grouped(calls),
            ledger: counts(db, "SELECT work FROM ledger").await?,
            lives: lives
                .into_iter()
                .map(|(worker, pid, what, at_us)| Life { worker, pid, what, at_us })
                .collect(),
            counted: [succeeded, failed, canceled],
        })
    }

    /// The processes of the workers.
    pub(crate) fn pids(&self) -> HashMap<Uuid, u32> {
        let pid = |life: &Life| (life.worker, u32::try_from(life.pid).unwrap_or(0));
        self.lives.iter().map(pid).collect()
    }
}

impl Books {
    /// Where no worker died, the counters are exact.
    pub(crate) fn check_counters(&self, verdict: &mut Verdict) {
        let counted = |outcome| self.ends.values().filter(|end| end.outcome == outcome).count();
        let recount = [0, 1, 2].map(counted).map(|count| i64::try_from(count).unwrap_or(i64::MAX));
        if self.counted != recount {
            verdict.breaches.push(format!("counted {:?}, recounted {recount:?}", self.counted));
        }
    }
}

/// An id that is enqueued again while its item is just ending is stored and forgotten in one
/// transaction: nobody else has seen it.
fn without_forgotten(mut moves: Vec<Move>) -> Vec<Move> {
    use Step::{End, Enqueue};
    let forgotten = |at: &[Move]| {
        [at[0].what, at[1].what, at[2].what] == [End, Enqueue, End] && at[2].fence == 0
    };
    while let Some(at) = moves.windows(3).position(forgotten) {
        moves.drain(at + 1..at + 3);
    }
    moves
}

async fn moves(db: &PgPool) -> Result<HashMap<Uuid, Vec<Move>>, sqlx::Error> {
    type Row = (Uuid, String, Option<Uuid>, i32, i32, i64, i64);
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT work, what, worker, fence, attempt, (extract(epoch FROM due) * 1000000)::bigint,
            (extract(epoch FROM at) * 1000000)::bigint
        FROM audit_moves ORDER BY seq",
    )
    .fetch_all(db)
    .await?;
    Ok(grouped(rows.into_iter().map(|(work, what, worker, fence, attempt, due, at)| {
        let what = match &*what {
            "enqueue" => Step::Enqueue,
            "start" => Step::Start,
            "back" => Step::Back,
            "end" => Step::End,
            _ => Step::Odd,
        };
        (work, Move { what, worker, fence, attempt, due: Moment(due), at: Moment(at) })
    })))
}

async fn counts(db: &PgPool, sql: &'static str) -> Result<HashMap<Uuid, usize>, sqlx::Error> {
    let mut counts = HashMap::new();
    let works: Vec<Uuid> = sqlx::query_scalar(sql).fetch_all(db).await?;
    for work in works {
        *counts.entry(work).or_default() += 1;
    }
    Ok(counts)
}

fn grouped<T>(rows: impl IntoIterator<Item = (Uuid, T)>) -> HashMap<Uuid, Vec<T>> {
    let mut map: HashMap<Uuid, Vec<T>> = HashMap::new();
    for (id, row) in rows {
        map.entry(id).or_default().push(row);
    }
    map
}
