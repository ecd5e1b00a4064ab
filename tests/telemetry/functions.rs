//! The functions that these tests measure and trace.

use workpool::{ActionCtx, Completion, Failure, MutationCtx, action, mutation, on_complete};
use workpool_tests::Gates;

/// Fails so many times.
#[action(pool = "work", retry(max_attempts = 2, initial_backoff = "0s"))]
pub(crate) async fn flaky(ctx: &ActionCtx, failures: u32) -> anyhow::Result<u32> {
    anyhow::ensure!(ctx.attempt() > failures, "attempt {} fails", ctx.attempt());
    Ok(ctx.attempt())
}

/// Waits at a gate.
#[action(pool = "gated")]
pub(crate) async fn gated(ctx: &ActionCtx, gate: String) -> anyhow::Result<()> {
    ctx.state::<Gates>().pass(&gate).await;
    Ok(())
}

/// Waits at a gate and fails.
#[action(pool = "gated", retry)]
pub(crate) async fn failing_at(ctx: &ActionCtx, gate: String) -> anyhow::Result<()> {
    ctx.state::<Gates>().pass(&gate).await;
    anyhow::bail!("failed at {gate}")
}

/// Enqueues the same kind of work as somebody else does.
#[mutation(pool = "work")]
pub(crate) async fn parent(ctx: &mut MutationCtx<'_>) -> workpool::Result<()> {
    flaky::enqueue(ctx, 0).await?;
    Ok(())
}

/// Says nothing.
#[on_complete]
pub(crate) async fn quiet(
    _ctx: &mut MutationCtx<'_>,
    _: Completion<(), serde_json::Value>,
) -> workpool::Result<()> {
    Ok(())
}

/// Fails, and may be tried again.
#[on_complete]
pub(crate) async fn unlucky(
    _ctx: &mut MutationCtx<'_>,
    _: Completion<(), serde_json::Value>,
) -> anyhow::Result<()> {
    anyhow::bail!("no luck")
}

/// Fails for good.
#[on_complete]
pub(crate) async fn hopeless(
    _ctx: &mut MutationCtx<'_>,
    _: Completion<(), serde_json::Value>,
) -> Result<(), Failure> {
    Err(Failure::non_retryable("no hope"))
}
