//! What runs in a transaction takes no retry policy, and the message says why.

use workpool::{MutationCtx, mutation};

#[mutation(pool = "counter", retry(max_attempts = 3))]
async fn increment(_ctx: &mut MutationCtx<'_>) -> workpool::Result<()> {
    Ok(())
}

fn main() {}
