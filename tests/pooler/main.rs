//! Through PgBouncer, which has to be installed: `cargo test -p workpool-tests --test pooler`. The
//! contract line by line goes the same way with `WORKPOOL_TEST_POOLER=1 cargo test -p
//! workpool-tests --test integration`.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test that cannot go on has failed")]

mod seeing;

use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use workpool::testing::{Postgres, TestDatabase};
use workpool::{
    ActionCtx, Cancel, Error, MutationCtx, Pool, Status, Workpool, action, mutation, sqlx,
};
use workpool_tests::pooler::{Mode, Pooler};
use workpool_tests::{Gates, eventually, patiently, setup};

workpool::pool!(POOLED = Pool::new("pooled").max_parallelism(20));

#[action(pool = POOLED)]
async fn double(_: &ActionCtx, n: i64) -> workpool::Result<i64> {
    Ok(n * 2)
}

#[action(pool = POOLED)]
async fn wait(ctx: &ActionCtx, (): ()) -> workpool::Result<bool> {
    ctx.state::<Gates>().pass("wait").await;
    patiently("it is canceled", ctx.canceled()).await;
    Ok(ctx.is_canceled())
}

/// With statements that sqlx prepares under names.
#[mutation(pool = POOLED)]
async fn add(ctx: &mut MutationCtx<'_>, n: i64) -> anyhow::Result<i64> {
    sqlx::query("INSERT INTO numbers VALUES ($1)").bind(n).execute(ctx.db()).await?;
    let mut read: i64 = 0;
    for _ in 0..3 {
        read = sqlx::query_scalar("SELECT n FROM numbers WHERE n = $1")
            .bind(n)
            .fetch_one(ctx.db())
            .await?;
    }
    Ok(read)
}

/// A database, and the URL that leads to it through the pooler.
async fn setting(mode: Mode, servers: u32) -> (TestDatabase, Pooler, String) {
    let database = setup::database().await;
    let server = Postgres::shared().await.unwrap();
    let pooler = Pooler::start(&server.options(), mode, servers).await;
    let direct: PgConnectOptions = database.url().parse().unwrap();
    let url = pooler.url(direct.get_database().unwrap());
    (database, pooler, url)
}

#[tokio::test]
async fn a_pooler_of_transactions_is_refused_in_words() {
    for servers in [1, 5] {
        let (database, _pooler, url) = setting(Mode::Transaction, servers).await;
        let refused = Workpool::connect(&url).await.unwrap_err();
        assert!(matches!(refused, Error::TransactionPooler), "{refused}");
        assert!(refused.to_string().contains("pooled(true)"), "{refused}");
        let written = "SELECT count(*) FROM workpool.pools WHERE name = 'pooled'";
        let pools: i64 =
            sqlx::query_scalar(written).fetch_one(database.workpool().db()).await.unwrap();
        assert_eq!(pools, 1, "as the direct connection made it");
    }
}

#[tokio::test]
async fn a_pooler_of_transactions_is_seen_behind_other_clients_too() {
    let (_database, _pooler, url) = setting(Mode::Transaction, 5).await;
    let options: PgConnectOptions = url.parse().unwrap();
    let others = PgPoolOptions::new()
        .max_connections(4)
        .connect_lazy_with(options.extra_float_digits(None).statement_cache_capacity(0));
    let busy: Vec<_> = (0..4).map(|_| tokio::spawn(keep_busy(others.clone()))).collect();
    for _ in 0..5 {
        let refused = Workpool::connect(&url).await.unwrap_err();
        assert!(matches!(refused, Error::TransactionPooler), "{refused}");
    }
    for client in busy {
        client.abort();
    }
}

/// Short transactions, one after another.
async fn keep_busy(db: PgPool) {
    loop {
        let mut tx = db.begin().await.unwrap();
        sqlx::raw_sql("SELECT pg_sleep(0.002)").execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
    }
}

#[tokio::test]
async fn a_pooler_of_sessions_is_as_good_as_none() {
    let (_database, _pooler, url) = setting(Mode::Session, 40).await;
    let workpool = Workpool::connect(&url).await.unwrap();
    let worker = setup::quick(&workpool).state(Gates::default()).start().await.unwrap();
    let id = double::enqueue(&workpool, 21).await.unwrap();
    assert_eq!(patiently("it is doubled", workpool.result(id)).await.unwrap(), 42);
    worker.shutdown().await;
}

#[tokio::test]
async fn statements_with_names_in_mutations_meet_nobody_elses() {
    let (database, _pooler, url) = setting(Mode::Transaction, 30).await;
    let direct = database.workpool().db();
    sqlx::raw_sql("CREATE TABLE numbers (n bigint)").execute(direct).await.unwrap();
    let workpool = Workpool::builder().pooled(true).connect(&url).await.unwrap();
    let worker = setup::quick(&workpool).state(Gates::default()).start().await.unwrap();
    let ids = add::enqueue_batch(&workpool, 0..300).await.unwrap();
    for (n, id) in (0..300).zip(ids) {
        assert_eq!(patiently("it is added", workpool.result(id)).await.unwrap(), n);
    }
    let sum: i64 =
        sqlx::query_scalar("SELECT sum(n)::bigint FROM numbers").fetch_one(direct).await.unwrap();
    assert_eq!(sum, 299 * 300 / 2);
    worker.shutdown().await;
}

#[tokio::test]
async fn without_notifications_everything_is_polled() {
    let (_database, _pooler, url) = setting(Mode::Transaction, 30).await;
    let builder = Workpool::builder().pooled(true);
    let (here, there) =
        (builder.clone().connect(&url).await.unwrap(), builder.connect(&url).await.unwrap());
    let gates = Gates::default();
    let worker = setup::quick(&here).state(gates.clone()).start().await.unwrap();
    let id = wait::enqueue(&there, ()).await.unwrap();
    gates.arrived("wait", 1).await;
    gates.open("wait");
    assert_eq!(there.cancel(id).await.unwrap(), Cancel::Requested);
    assert!(patiently("it ends", there.result(id)).await.unwrap());
    worker.shutdown().await;
}

#[tokio::test]
async fn only_a_transaction_can_be_taken_part_in() {
    let (database, _pooler, url) = setting(Mode::Transaction, 5).await;
    let workpool =
        Workpool::builder().pooled(true).listen_url(database.url()).connect(&url).await.unwrap();
    let mut conn = workpool.db().acquire().await.unwrap();
    let refused = double::enqueue(&workpool.within(&mut conn), 1).await.unwrap_err();
    assert!(matches!(refused, Error::InvalidConfig { .. }), "{refused}");
    drop(conn);
    let mut tx = workpool.db().begin().await.unwrap();
    let id = double::enqueue(&workpool.within(&mut tx), 1).await.unwrap();
    assert_eq!(workpool.status(id).await.unwrap(), None, "it is not committed");
    tx.commit().await.unwrap();
    let pending = async || matches!(workpool.status(id).await, Ok(Some(Status::Pending { .. })));
    eventually("it is stored", pending).await;
    tokio::time::timeout(Duration::from_secs(5), workpool.cancel(id)).await.unwrap().unwrap();
}
