//! What runs in a transaction takes no retry policy per call either.

use workpool::{MutationCtx, Workpool, mutation};

#[mutation]
async fn increment(_ctx: &mut MutationCtx<'_>) -> workpool::Result<()> {
    Ok(())
}

async fn enqueue(workpool: &Workpool) -> workpool::Result<()> {
    increment::enqueue(workpool, ()).retry(true).await?;
    Ok(())
}

fn main() {
    let _ = enqueue;
}
