//! What a cancel finds, and what it does: work that waits never runs, work that runs is told, work
//! that has ended stays as it is.
//!
//! ```text
//! cargo run --example cancellation
//! ```

use std::pin::pin;
use std::time::Duration;

use anyhow::{Result, bail};
use futures_util::StreamExt;
use tokio::time::sleep;
use workpool::testing::TestDatabase;
use workpool::{ActionCtx, Cancel, OutcomeKind, WorkId, Workpool, action};

/// Stops when it is told to. That is its own choice: nothing stops it by force.
#[action(pool = "reports", retry)]
async fn write_report(ctx: &ActionCtx, pages: u32) -> Result<u32> {
    for page in 0..pages {
        tokio::select! {
            () = ctx.canceled() => bail!("stopped on page {page}"),
            () = sleep(Duration::from_millis(100)) => {}
        }
    }
    Ok(pages)
}

/// Never looks whether it was canceled.
#[action(pool = "reports")]
async fn save_report(_: &ActionCtx) -> Result<String> {
    sleep(Duration::from_millis(300)).await;
    Ok("saved".to_owned())
}

/// Waits until an attempt is under way.
async fn running<T>(workpool: &Workpool, id: WorkId<T>) -> Result<()> {
    let mut changes = pin!(workpool.watch(id));
    while let Some(status) = changes.next().await {
        if status?.is_running() {
            return Ok(());
        }
    }
    bail!("it ended without being seen running")
}

async fn outcome<T>(workpool: &Workpool, id: WorkId<T>) -> Result<Option<OutcomeKind>> {
    Ok(workpool.status(id).await?.and_then(|status| status.outcome()))
}

#[tokio::main]
async fn main() -> Result<()> {
    let database = TestDatabase::create().await?;
    let workpool = database.workpool();
    let worker = workpool.worker().start().await?;

    let tomorrow = Duration::from_hours(24);
    let pending = write_report::enqueue(workpool, 1).run_after(tomorrow).await?;
    assert_eq!(workpool.cancel(pending).await?, Cancel::Canceled);
    assert_eq!(outcome(workpool, pending).await?, Some(OutcomeKind::Canceled));
    println!("pending:  canceled at once, it never runs");

    let endless = write_report::enqueue(workpool, u32::MAX).await?;
    running(workpool, endless).await?;
    assert_eq!(workpool.cancel(endless).await?, Cancel::Requested);
    let end = workpool.result(endless).await;
    assert!(matches!(end, Err(workpool::Error::WorkCanceled)), "{end:?}");
    println!("running:  was told, stopped, and is not retried");

    let saving = save_report::enqueue(workpool, ()).await?;
    running(workpool, saving).await?;
    assert_eq!(workpool.cancel(saving).await?, Cancel::Requested);
    assert_eq!(workpool.result(saving).await?, "saved");
    println!("running:  was told, and succeeded nevertheless: that stands");

    assert_eq!(workpool.cancel(saving).await?, Cancel::AlreadyFinished);
    assert_eq!(outcome(workpool, saving).await?, Some(OutcomeKind::Success));
    println!("finished: nothing was done");

    let unknown = WorkId::<u32>::new();
    assert_eq!(workpool.cancel(unknown).await?, Cancel::Unknown);
    println!("unknown:  no error");

    // In a transaction, a cancel counts when that commits.
    let kept = write_report::enqueue(workpool, 1).run_after(tomorrow).await?;
    let mut tx = workpool.db().begin().await?;
    assert_eq!(workpool.within(&mut tx).cancel(kept).await?, Cancel::Canceled);
    tx.rollback().await?;
    assert!(workpool.status(kept).await?.is_some_and(|status| status.is_pending()));
    println!("rolled back: as if nobody had canceled");

    let all = workpool.pool("reports").cancel_all().run().await?;
    assert_eq!((all.canceled, all.requested), (1, 0));
    println!("cancel_all: {} item that waited", all.canceled);

    worker.shutdown().await;
    Ok(())
}
