//! All faults of a function are shown in one build, and nothing that uses it turns red.

use workpool::{ActionCtx, Workpool, action};

#[action(polo = "email", timeout = 30, retry(max_attempts = 0))]
fn send_email(ctx: &mut ActionCtx, address: &str) {
    let _ = (ctx, address);
}

async fn enqueue(workpool: &Workpool) -> workpool::Result<()> {
    send_email::enqueue(workpool, "a@example.com").await?;
    Ok(())
}

fn main() {
    let _ = enqueue;
}
