//! The functions that the workers run: each reports to the witness outside when it is entered and
//! when it is left, sleeps in between, and may enqueue a child.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use workpool::{
    ActionCtx, Completion, EnqueueContext, MutationCtx, Outcome, Pool, WorkId, action, mutation,
    on_complete, sqlx,
};

use crate::items::Kind;
use crate::line::Line;

/// The attempts of an action with retries.
pub(crate) const ATTEMPTS: u32 = 4;

workpool::pool!(
    /// Where work runs that says nothing else. The others are made at run time.
    pub(crate) HOME = Pool::new("home").max_parallelism(1)
);

/// What a function is to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) ms: u64,
    /// How many attempts end in an error.
    pub(crate) fails: u32,
    pub(crate) child: Option<Child>,
    /// How long it has to wait before, in milliseconds.
    pub(crate) delay: u64,
}

/// An item that another one enqueues.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Child {
    pub(crate) id: Uuid,
    pub(crate) pool: String,
    pub(crate) ms: u64,
    pub(crate) delay: u64,
}

impl Order {
    /// Sleeps and leaves, well or badly.
    async fn perform(&self, visit: crate::line::Visit, attempt: u32) -> anyhow::Result<u32> {
        tokio::time::sleep(Duration::from_millis(self.ms)).await;
        let well = attempt > self.fails;
        visit.leave(well).await?;
        anyhow::ensure!(well, "told to fail");
        Ok(attempt)
    }
}

impl Child {
    async fn enqueue(&self, context: &impl EnqueueContext) -> workpool::Result<()> {
        let order = Order { ms: self.ms, fails: 0, child: None, delay: self.delay };
        enqueue(context, Kind::Once, self.id, &self.pool, order).await
    }
}

/// Whether an item has a callback: the ends of those without one take another way.
pub(crate) fn calls_back(id: Uuid) -> bool {
    id.as_bytes()[15].is_multiple_of(2)
}

/// Enqueues an item of a kind.
pub(crate) async fn enqueue(
    context: &impl EnqueueContext,
    kind: Kind,
    id: Uuid,
    pool: &str,
    order: Order,
) -> workpool::Result<()> {
    let delay = Duration::from_millis(order.delay);
    macro_rules! send {
        ($function:ident) => {{
            let call = $function::enqueue(context, order).id(WorkId::from_uuid(id)).pool(pool);
            let call = call.run_after(delay);
            if calls_back(id) { call.on_complete::<told>(id.to_string()).await } else { call.await }
        }};
    }
    let enqueued = match kind {
        Kind::Once => send!(once),
        Kind::Again => send!(again),
        Kind::Book => send!(book),
    };
    enqueued.map(drop)
}

async fn act(ctx: &ActionCtx, order: Order) -> anyhow::Result<u32> {
    let line = ctx.state::<Line>();
    let visit = line.enter(ctx.work_id(), ctx.attempt()).await?;
    if let Some(child) = &order.child {
        // Only what was confirmed has to be there; an attempt that was superseded is refused.
        if child.enqueue(ctx).await.is_ok() {
            line.confirm(child.id).await?;
        }
    }
    order.perform(visit, ctx.attempt()).await
}

/// An action that is entered at most once.
#[action(name = "once", pool = HOME, retry = false)]
pub(crate) async fn once(ctx: &ActionCtx, order: Order) -> anyhow::Result<u32> {
    act(ctx, order).await
}

/// An action that is tried again.
#[action(
    name = "again",
    pool = HOME,
    retry(max_attempts = 4, initial_backoff = "20ms", max_backoff = "200ms")
)]
pub(crate) async fn again(ctx: &ActionCtx, order: Order) -> anyhow::Result<u32> {
    act(ctx, order).await
}

/// A mutation that writes a line into a ledger which would show doubles.
#[mutation(name = "book", pool = HOME, grouped)]
pub(crate) async fn book(ctx: &mut MutationCtx<'_>, order: Order) -> anyhow::Result<u32> {
    let (id, attempt) = (ctx.work_id(), ctx.attempt());
    let visit = ctx.state::<Line>().clone().enter(id, attempt).await?;
    sqlx::query("INSERT INTO ledger VALUES ($1)").bind(id).execute(ctx.db()).await?;
    if let Some(child) = &order.child {
        child.enqueue(ctx).await?;
    }
    order.perform(visit, attempt).await
}

/// Writes into a ledger which would show doubles what it was told.
#[on_complete(name = "told", context = String, grouped)]
pub(crate) async fn told(
    ctx: &mut MutationCtx<'_>,
    done: Completion<String, u32>,
) -> anyhow::Result<()> {
    let outcome = done.outcome.kind().as_str();
    let failure = match &done.outcome {
        Outcome::Failed(failure) => Some(format!("{:?}", failure.kind()).to_lowercase()),
        _ => None,
    };
    sqlx::query("INSERT INTO callback_ledger VALUES ($1, $2, $3, $4, $5)")
        .bind(done.work_id.uuid())
        .bind(outcome)
        .bind(failure)
        .bind(done.attempts.cast_signed())
        .bind(done.context)
        .execute(ctx.db())
        .await?;
    Ok(())
}
