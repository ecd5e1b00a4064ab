//! The future of a function moves between the threads of the worker, so it must be `Send`.

use std::rc::Rc;

use workpool::{ActionCtx, action};

#[action]
async fn hold_rc_across_await(_ctx: &ActionCtx) -> workpool::Result<()> {
    let local = Rc::new(1);
    std::future::ready(()).await;
    drop(local);
    Ok(())
}

fn main() {}
