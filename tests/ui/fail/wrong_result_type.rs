//! A handler completes work of its own result type only.

use workpool::{ActionCtx, Completion, MutationCtx, Workpool, action, on_complete};

#[action]
async fn send_email(_ctx: &ActionCtx) -> workpool::Result<u64> {
    Ok(1)
}

#[on_complete]
async fn picture_scaled(
    _ctx: &mut MutationCtx<'_>,
    _done: Completion<(), String>,
) -> workpool::Result<()> {
    Ok(())
}

async fn enqueue(workpool: &Workpool) -> workpool::Result<()> {
    send_email::enqueue(workpool, ()).on_complete::<picture_scaled>(()).await?;
    Ok(())
}

fn main() {
    let _ = enqueue;
}
