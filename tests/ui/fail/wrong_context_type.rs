//! The value passed with a handler is the context that the handler names.

use workpool::{ActionCtx, Completion, MutationCtx, Workpool, action, on_complete};

#[action]
async fn send_email(_ctx: &ActionCtx) -> workpool::Result<u64> {
    Ok(1)
}

#[on_complete(context = String)]
async fn email_sent(
    _ctx: &mut MutationCtx<'_>,
    _done: Completion<String, u64>,
) -> workpool::Result<()> {
    Ok(())
}

async fn enqueue(workpool: &Workpool) -> workpool::Result<()> {
    send_email::enqueue(workpool, ()).on_complete::<email_sent>(7_i32).await?;
    Ok(())
}

fn main() {
    let _ = enqueue;
}
