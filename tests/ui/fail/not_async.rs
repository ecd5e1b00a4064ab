//! The worker awaits a function, so it must be async.

use workpool::{ActionCtx, action};

#[action]
fn send_email(_ctx: &ActionCtx) -> workpool::Result<()> {
    Ok(())
}

fn main() {}
