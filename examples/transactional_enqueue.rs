//! Work that is enqueued in a transaction exists when, and only when, the transaction commits.
//!
//! ```text
//! cargo run --example transactional_enqueue
//! ```

use anyhow::{Result, bail};
use sqlx::PgConnection;
use workpool::testing::TestDatabase;
use workpool::{ActionCtx, MutationCtx, WorkId, Workpool, action, mutation};

/// Finds the order, always: its row was committed together with this work.
#[action(pool = "shipping")]
async fn ship(ctx: &ActionCtx, order: i64) -> Result<String> {
    let item: String = sqlx::query_scalar("SELECT item FROM orders WHERE id = $1")
        .bind(order)
        .fetch_one(ctx.workpool().db())
        .await?;
    Ok(format!("shipped {item}"))
}

async fn insert_order(conn: &mut PgConnection, item: &str) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("INSERT INTO orders (item) VALUES ($1) RETURNING id")
        .bind(item)
        .fetch_one(conn)
        .await
}

/// Takes any connection, so that its caller decides on the transaction.
async fn place_order(
    workpool: &Workpool,
    conn: &mut PgConnection,
    item: &str,
) -> Result<WorkId<String>> {
    let order = insert_order(conn, item).await?;
    Ok(ship::enqueue(&workpool.within(conn), order).await?)
}

/// A mutation is a transaction already: what it enqueues is committed with it, or not at all.
#[mutation(pool = "imports")]
async fn import(ctx: &mut MutationCtx<'_>, items: Vec<String>) -> Result<()> {
    for item in items {
        if item.is_empty() {
            bail!("an order without an item");
        }
        let order = insert_order(ctx.db(), &item).await?;
        ship::enqueue(ctx, order).await?;
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<()> {
    let database = TestDatabase::create().await?;
    let workpool = database.workpool();
    sqlx::query("CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY, item text NOT NULL)")
        .execute(workpool.db())
        .await?;
    let worker = workpool.worker().start().await?;

    let mut tx = workpool.db().begin().await?;
    let lamp = place_order(workpool, &mut tx, "a lamp").await?;
    assert_eq!(workpool.status(lamp).await?, None, "nobody else sees it before the commit");
    tx.commit().await?;
    println!("commit:   {}", workpool.result(lamp).await?);

    let mut tx = workpool.db().begin().await?;
    let desk = place_order(workpool, &mut tx, "a desk").await?;
    tx.rollback().await?;
    assert_eq!(workpool.status(desk).await?, None, "it never existed");
    println!("rollback: the desk was neither ordered nor shipped");

    let items = ["a chair", "a shelf", ""].map(String::from).to_vec();
    let failed = import::enqueue(workpool, items).await?;
    let Err(error) = workpool.result(failed).await else {
        bail!("the import should have failed");
    };
    println!("mutation: {error}; so nothing of it is stored");

    worker.shutdown().await;
    let orders: Vec<String> =
        sqlx::query_scalar("SELECT item FROM orders").fetch_all(workpool.db()).await?;
    let shipping = workpool.stats("shipping").await?;
    assert_eq!(orders, ["a lamp"]);
    assert_eq!((shipping.backlog, shipping.succeeded), (0, 1), "one order, one parcel");
    println!("orders: {orders:?}, parcels: {}", shipping.succeeded);
    Ok(())
}
