//! What the pages are about.

use workpool::{ActionCtx, Completion, MutationCtx, action, on_complete};
use workpool_tests::Gates;

/// Waits until it is let go.
#[action(pool = "mail")]
pub(crate) async fn held(ctx: &ActionCtx, name: String) -> anyhow::Result<()> {
    ctx.state::<Gates>().pass(&name).await;
    Ok(())
}

#[action(pool = "mail")]
pub(crate) async fn failing(_: &ActionCtx, why: String) -> anyhow::Result<()> {
    anyhow::bail!(why)
}

#[action(pool = "mail")]
pub(crate) async fn quick(_: &ActionCtx, n: i64) -> anyhow::Result<i64> {
    Ok(n)
}

/// A callback that can never run.
#[on_complete(context = String)]
pub(crate) async fn broken(
    _: &mut MutationCtx<'_>,
    _: Completion<String, i64>,
) -> Result<(), workpool::Failure> {
    Err(workpool::Failure::non_retryable("no such table"))
}
