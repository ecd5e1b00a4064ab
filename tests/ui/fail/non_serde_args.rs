//! Arguments are stored, so they must be serde types.

use workpool::{ActionCtx, action};

struct Welcome;

#[action]
async fn send_email(_ctx: &ActionCtx, _args: Welcome) -> workpool::Result<()> {
    Ok(())
}

fn main() {}
