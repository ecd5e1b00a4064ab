//! The context comes first, and it is lent.

use workpool::{ActionCtx, action};

#[action]
async fn send_email(ctx: ActionCtx, user_id: i64) -> workpool::Result<()> {
    let _ = (ctx, user_id);
    Ok(())
}

fn main() {}
