//! What is enqueued and run: functions that do next to nothing, so that the rest can be measured.
#![expect(clippy::unused_async, reason = "functions of workpool are async")]

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use workpool::{
    ActionCtx, BoxFuture, Completion, MutationCtx, Pool, Result, Workpool, action, mutation,
    on_complete,
};

use crate::options::Config;
use crate::tally::Tally;

workpool::pool!(pub(crate) LOAD = Pool::new("load").max_parallelism(100));

#[derive(Serialize, Deserialize)]
pub(crate) struct Item {
    pub(crate) n: i64,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Done {
    ok: bool,
}

#[action(pool = LOAD)]
pub(crate) async fn count(ctx: &ActionCtx, item: Item) -> Result<Done> {
    ctx.state::<Arc<Tally>>().ran(item.n);
    Ok(Done { ok: true })
}

#[mutation(pool = LOAD, grouped)]
pub(crate) async fn write(ctx: &mut MutationCtx<'_>, item: Item) -> Result<Done, sqlx::Error> {
    sqlx::query("INSERT INTO load_rows (n) VALUES ($1)").bind(item.n).execute(ctx.db()).await?;
    ctx.state::<Arc<Tally>>().ran(item.n);
    Ok(Done { ok: true })
}

#[on_complete(context = i64, grouped)]
pub(crate) async fn called(ctx: &mut MutationCtx<'_>, _done: Completion<i64, Done>) -> Result<()> {
    ctx.state::<Arc<Tally>>().called();
    Ok(())
}

/// Takes a slot until it is canceled.
#[action(pool = LOAD)]
pub(crate) async fn stay(ctx: &ActionCtx) -> Result<()> {
    ctx.state::<Arc<Tally>>().ran(0);
    ctx.canceled().await;
    Ok(())
}

/// Enqueues one item.
pub(crate) fn enqueue(workpool: &Workpool, config: Config, n: i64) -> BoxFuture<'_, Result<()>> {
    let item = Item { n };
    match config {
        Config::Default => finished(count::enqueue(workpool, item)),
        Config::Lean => finished(count::enqueue(workpool, item).status_ttl(Duration::ZERO)),
        Config::Mutation => finished(write::enqueue(workpool, item)),
        Config::Callback => finished(count::enqueue(workpool, item).on_complete::<called>(n)),
    }
}

/// Enqueues many items into a pool, all or none.
pub(crate) fn enqueue_batch<'c>(
    workpool: &'c Workpool,
    config: Config,
    pool: &str,
    numbers: impl Iterator<Item = i64>,
) -> BoxFuture<'c, Result<()>> {
    let items = numbers.map(|n| Item { n });
    match config {
        Config::Default => finished(count::enqueue_batch(workpool, items).pool(pool)),
        Config::Lean => {
            finished(count::enqueue_batch(workpool, items).pool(pool).status_ttl(Duration::ZERO))
        }
        Config::Mutation => finished(write::enqueue_batch(workpool, items).pool(pool)),
        Config::Callback => {
            finished(count::enqueue_batch(workpool, items).pool(pool).on_complete::<called>(0))
        }
    }
}

fn finished<'c, T: 'c>(
    enqueue: impl IntoFuture<Output = Result<T>, IntoFuture = BoxFuture<'c, Result<T>>>,
) -> BoxFuture<'c, Result<()>> {
    let enqueue = enqueue.into_future();
    Box::pin(async move { enqueue.await.map(drop) })
}

/// Enqueues an item whose row others are made after.
pub(crate) async fn enqueue_pattern(workpool: &Workpool) -> Result<()> {
    let year = Duration::from_hours(24 * 365);
    count::enqueue(workpool, Item { n: -1 }).name("pattern").run_after(year).await?;
    Ok(())
}
