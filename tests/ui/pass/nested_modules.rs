//! Functions of one name in several modules, and names that generated code might use itself.

#![deny(warnings)]
#![expect(clippy::unused_async, reason = "a function of work is async, whether it waits or not")]

use workpool::Workpool;

mod emails {
    pub(crate) mod welcome {
        use workpool::{ActionCtx, action};

        #[action]
        pub(crate) async fn send(_ctx: &ActionCtx, _user_id: i64) -> workpool::Result<()> {
            Ok(())
        }
    }

    pub(crate) mod reminder {
        use workpool::{ActionCtx, MutationCtx, action, mutation};

        #[action(name = "reminder")]
        pub(super) async fn send(_ctx: &ActionCtx) -> workpool::Result<()> {
            Ok(())
        }

        #[mutation]
        pub(crate) async fn run(ctx: &mut MutationCtx<'_>, args: i64) -> workpool::Result<i64> {
            send::enqueue(ctx, ()).await?;
            Ok(args)
        }
    }
}

use emails::{reminder::run, welcome::send};

async fn enqueue(workpool: &Workpool) -> workpool::Result<()> {
    send::enqueue(workpool, 7).await?;
    run::enqueue(workpool, 7).await?;
    Ok(())
}

fn main() {
    let _ = enqueue;
}
