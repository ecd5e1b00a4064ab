//! What the trials run, and the memory of who entered what.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use workpool::sqlx;
use workpool::{
    ActionCtx, Completion, EnqueueContext, Error, MutationCtx, Outcome, Pool, QueryCtx, WorkId,
    action, mutation, on_complete, query,
};

workpool::pool!(
    /// Where everything goes that does not say otherwise.
    pub(crate) MIXED = Pool::new("mixed").max_parallelism(4)
);

/// Who was entered when: outside of the database, which may roll back.
#[derive(Debug, Clone, Default)]
pub(crate) struct Entries(Arc<Mutex<HashMap<Uuid, Vec<Instant>>>>);

impl Entries {
    pub(crate) fn note(&self, work: Uuid) {
        self.0.lock().unwrap().entry(work).or_default().push(Instant::now());
    }

    /// How often it was entered.
    pub(crate) fn of(&self, work: Uuid) -> usize {
        self.0.lock().unwrap().get(&work).map_or(0, Vec::len)
    }

    /// When it was entered first.
    pub(crate) fn first(&self, work: Uuid) -> Option<Instant> {
        self.0.lock().unwrap().get(&work).and_then(|times| times.first().copied())
    }
}

/// What an item does.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Task {
    /// How many attempts return an error.
    pub(crate) fails: u32,
    /// How long each takes.
    pub(crate) ms: u64,
}

impl Task {
    pub(crate) const SUCCEEDS: Self = Self { fails: 0, ms: 0 };

    async fn perform(self, entries: &Entries, work: Uuid, attempt: u32) -> anyhow::Result<u32> {
        entries.note(work);
        if self.ms > 0 {
            tokio::time::sleep(Duration::from_millis(self.ms)).await;
        }
        anyhow::ensure!(attempt > self.fails, "told to fail");
        Ok(attempt)
    }
}

/// An action that is entered at most once.
#[action(name = "once", pool = MIXED, retry = false)]
pub(crate) async fn once(ctx: &ActionCtx, task: Task) -> anyhow::Result<u32> {
    task.perform(ctx.state::<Entries>(), ctx.work_id(), ctx.attempt()).await
}

/// An action that is tried three times.
#[action(
    name = "again",
    pool = MIXED,
    retry(max_attempts = 3, initial_backoff = "10ms", max_backoff = "40ms")
)]
pub(crate) async fn again(ctx: &ActionCtx, task: Task) -> anyhow::Result<u32> {
    task.perform(ctx.state::<Entries>(), ctx.work_id(), ctx.attempt()).await
}

/// A mutation that writes a line into a ledger which would show doubles.
#[mutation(name = "book", pool = MIXED)]
pub(crate) async fn book(ctx: &mut MutationCtx<'_>, task: Task) -> anyhow::Result<u32> {
    let (id, attempt) = (ctx.work_id(), ctx.attempt());
    sqlx::query("INSERT INTO ledger VALUES ($1)").bind(id).execute(ctx.db()).await?;
    let entries = ctx.state::<Entries>().clone();
    task.perform(&entries, id, attempt).await
}

/// A query.
#[query(name = "look", pool = MIXED)]
pub(crate) async fn look(ctx: &mut QueryCtx<'_>, task: Task) -> anyhow::Result<u32> {
    sqlx::query("SELECT 1").execute(ctx.db()).await?;
    let entries = ctx.state::<Entries>().clone();
    task.perform(&entries, ctx.work_id(), ctx.attempt()).await
}

/// An action that enqueues another with an id that it was given, and again when the answer is lost.
#[action(name = "parent", pool = MIXED, retry = false)]
pub(crate) async fn parent(ctx: &ActionCtx, child: WorkId<u32>) -> anyhow::Result<u32> {
    ctx.state::<Entries>().note(ctx.work_id());
    let mut tries = 0;
    loop {
        tries += 1;
        match once::enqueue(ctx, Task::SUCCEEDS)
            .id(child)
            .on_complete::<told>(child.to_string())
            .await
        {
            Ok(_) => return Ok(tries),
            Err(Error::Unconfirmed { .. } | Error::Database(_)) if tries < 20 => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Writes into a ledger which would show doubles what it was told.
#[on_complete(name = "told", context = String)]
pub(crate) async fn told(
    ctx: &mut MutationCtx<'_>,
    done: Completion<String, u32>,
) -> anyhow::Result<()> {
    let failure = match &done.outcome {
        Outcome::Failed(failure) => Some(format!("{:?}", failure.kind())),
        _ => None,
    };
    sqlx::query("INSERT INTO callback_ledger VALUES ($1, $2, $3, $4, $5)")
        .bind(done.work_id.uuid())
        .bind(done.outcome.kind().as_str())
        .bind(failure)
        .bind(done.attempts.cast_signed())
        .bind(done.context)
        .execute(ctx.db())
        .await?;
    Ok(())
}

/// The kinds of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Once,
    Again,
    Book,
    Look,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Once, Self::Again, Self::Book, Self::Look];

    /// Enqueues one with a callback, under an id of the caller's.
    pub(crate) async fn enqueue(
        self,
        context: &impl EnqueueContext,
        id: WorkId<u32>,
        task: Task,
    ) -> workpool::Result<()> {
        let about = id.to_string();
        let enqueued = match self {
            Self::Once => once::enqueue(context, task).id(id).on_complete::<told>(about).await,
            Self::Again => again::enqueue(context, task).id(id).on_complete::<told>(about).await,
            Self::Book => book::enqueue(context, task).id(id).on_complete::<told>(about).await,
            Self::Look => look::enqueue(context, task).id(id).on_complete::<told>(about).await,
        };
        enqueued.map(drop)
    }

    /// The same into another pool, kept for so long.
    pub(crate) async fn enqueue_into(
        self,
        context: &impl EnqueueContext,
        id: WorkId<u32>,
        task: Task,
        pool: &str,
        ttl: Duration,
    ) -> workpool::Result<()> {
        macro_rules! enqueue {
            ($function:ident) => {
                $function::enqueue(context, task)
                    .id(id)
                    .on_complete::<told>(id.to_string())
                    .pool(pool)
                    .status_ttl(ttl)
                    .await
            };
        }
        let enqueued = match self {
            Self::Once => enqueue!(once),
            Self::Again => enqueue!(again),
            Self::Book => enqueue!(book),
            Self::Look => enqueue!(look),
        };
        enqueued.map(drop)
    }
}
