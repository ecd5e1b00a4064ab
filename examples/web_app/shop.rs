//! What the shop does: orders in a table of its own, and the work that each of them causes.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, PgPool, Row};
use workpool::{
    ActionCtx, Completion, MutationCtx, Outcome, Pool, WorkId, Workpool, action, on_complete,
};

workpool::pool!(SHIPPING = Pool::new("shipping").max_parallelism(3));

/// Makes the table of orders.
pub(crate) async fn open(db: &PgPool) -> Result<()> {
    sqlx::query(
        "CREATE TABLE orders (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            item text NOT NULL CHECK (item <> ''),
            work uuid,
            state text NOT NULL DEFAULT 'placed'
        )",
    )
    .execute(db)
    .await?;
    Ok(())
}

/// An order as its page shows it.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) id: i64,
    pub(crate) item: String,
    pub(crate) state: String,
    pub(crate) work: Option<sqlx::types::Uuid>,
}

impl FromRow<'_, PgRow> for Order {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            item: row.try_get("item")?,
            state: row.try_get("state")?,
            work: row.try_get("work")?,
        })
    }
}

/// Places an order: its row and its work are committed together, or neither is.
pub(crate) async fn place(workpool: &Workpool, item: &str) -> Result<i64> {
    let mut tx = workpool.db().begin().await?;
    let work = WorkId::<String>::new();
    let order: i64 =
        sqlx::query_scalar("INSERT INTO orders (item, work) VALUES ($1, $2) RETURNING id")
            .bind(item)
            .bind(work.uuid())
            .fetch_one(&mut *tx)
            .await?;
    ship::enqueue(&workpool.within(&mut tx), order)
        .id(work)
        .name(format!("order {order}"))
        .on_complete::<shipped>(order)
        .await?;
    // What is wrong with the order shows here, and takes the work along.
    ensure!(!item.trim().is_empty(), "an order needs an item");
    tx.commit().await?;
    Ok(order)
}

/// The latest orders.
pub(crate) async fn latest(db: &PgPool) -> Result<Vec<Order>> {
    let sql = "SELECT id, item, state, work FROM orders ORDER BY id DESC LIMIT 20";
    Ok(sqlx::query_as(sql).fetch_all(db).await?)
}

/// One order.
pub(crate) async fn find(db: &PgPool, id: i64) -> Result<Option<Order>> {
    let sql = "SELECT id, item, state, work FROM orders WHERE id = $1";
    Ok(sqlx::query_as(sql).bind(id).fetch_optional(db).await?)
}

/// Takes a while, and the van starts at the second attempt only.
#[action(pool = SHIPPING, retry(max_attempts = 3, initial_backoff = "500ms"))]
async fn ship(ctx: &ActionCtx, order: i64) -> Result<String> {
    tokio::time::sleep(Duration::from_millis(700)).await;
    ensure!(ctx.attempt() > 1, "the van does not start");
    let order = find(ctx.workpool().db(), order).await?.context("no such order")?;
    Ok(format!("{} is on its way", order.item))
}

/// Writes into the order how it ended, in the transaction that ends the callback.
#[on_complete(context = i64)]
async fn shipped(ctx: &mut MutationCtx<'_>, done: Completion<i64, String>) -> workpool::Result<()> {
    let state = match done.outcome {
        Outcome::Success(told) => told,
        Outcome::Failed(failure) => format!("not shipped: {failure}"),
        Outcome::Canceled => "canceled".into(),
    };
    sqlx::query("UPDATE orders SET state = $2 WHERE id = $1")
        .bind(done.context)
        .bind(state)
        .execute(ctx.db())
        .await?;
    Ok(())
}
