//! The program `workpool`, run as people run it: what it prints, the shape of its JSON, its exit
//! codes, and what it refuses.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod acting;
mod everywhere;
mod looking;
mod schema;
mod serving;
mod terminal;

use workpool::ActionCtx;
use workpool_tests::program;

/// Answers with what it was given.
#[workpool::action(pool = "echo")]
async fn echo(_: &ActionCtx, text: String) -> workpool::Result<String> {
    Ok(text)
}

/// Fails with what it was given.
#[workpool::action(pool = "broken")]
async fn broken(_: &ActionCtx, text: String) -> anyhow::Result<()> {
    anyhow::bail!(text)
}
