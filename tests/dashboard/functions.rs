//! What the pages are about.

use serde::{Deserialize, Serialize};
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

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Payment {
    pub(crate) order: String,
    pub(crate) card: String,
}

#[action(pool = "mail", redact("card"))]
pub(crate) async fn pay(_: &ActionCtx, payment: Payment) -> anyhow::Result<String> {
    Ok(payment.order)
}

#[action(pool = "mail", redact)]
pub(crate) async fn whisper(_: &ActionCtx, secret: String) -> anyhow::Result<String> {
    Ok(secret)
}

#[on_complete(context = String, redact)]
pub(crate) async fn heard(
    _: &mut MutationCtx<'_>,
    _: Completion<String, String>,
) -> workpool::Result<()> {
    Ok(())
}
