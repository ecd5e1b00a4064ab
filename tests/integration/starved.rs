//! What others use up, hold or leave behind does not stop what a worker has to do.

use std::time::Duration;

use sqlx::postgres::PgPoolOptions;
use workpool::{ActionCtx, FailureKind, MutationCtx, OutcomeKind, Workpool, action, mutation};
use workpool_tests::{Gates, Stage, Witness, eventually, setup};

use crate::functions::{echo, end_of, outcome};

/// Holds a connection of the application's pool until the gate opens.
#[action(pool = "hoarders")]
async fn hoard(ctx: &ActionCtx) -> anyhow::Result<()> {
    let held = ctx.workpool().db().acquire().await?;
    ctx.state::<Gates>().pass("hoard").await;
    drop(held);
    Ok(())
}

#[action(pool = "orphans", name = "orphan/once", retry = false)]
async fn orphan_once(ctx: &ActionCtx) -> workpool::Result<()> {
    ctx.state::<Witness>().saw("once");
    Ok(())
}

#[action(pool = "orphans", name = "orphan/again", retry)]
async fn orphan_again(ctx: &ActionCtx) -> workpool::Result<()> {
    ctx.state::<Witness>().saw("again");
    Ok(())
}

#[mutation(pool = "orphans", name = "orphan/book")]
async fn orphan_book(ctx: &mut MutationCtx<'_>) -> workpool::Result<()> {
    ctx.state::<Witness>().saw("book");
    Ok(())
}

/// A worker that is gone, or not, and that holds whatever waits in a pool.
async fn holder(stage: &Stage, expires: &str, pool: &str) {
    stage
        .execute(&format!(
            "WITH w AS (
                INSERT INTO workpool.workers (id, expires_at, host, pid, version, functions)
                VALUES (gen_random_uuid(), {expires}, 'elsewhere', 0, '', '{{}}') RETURNING id
            ), s AS (
                INSERT INTO workpool.slots (pool, worker, granted, claimed_to)
                SELECT '{pool}', id, 20000, now() + interval '1 minute' FROM w
            )
            UPDATE workpool.work SET worker = w.id, attempt = 1, fence = 1, started_at = now()
            FROM w WHERE pool = '{pool}'"
        ))
        .await;
}

#[tokio::test]
async fn handlers_that_hold_all_connections_of_the_application_stop_neither_leases_nor_recovery() {
    let stage = Stage::new().await;
    let db = PgPoolOptions::new().max_connections(4).connect(stage.url()).await.unwrap();
    let small = Workpool::attach(db).await.unwrap();
    let lease = Duration::from_secs(2);
    let worker = setup::quick(&small).state(stage.gates.clone()).state(stage.witness.clone());
    let worker = worker.lease(lease).start().await.unwrap();
    for _ in 0..4 {
        hoard::enqueue(stage.workpool(), ()).await.unwrap();
    }
    stage.gates.arrived("hoard", 4).await;
    let orphan = orphan_once::enqueue(stage.workpool(), ()).run_after(lease).await.unwrap();
    holder(&stage, "'epoch'", "orphans").await;
    let recovered = async || outcome(&stage, orphan).await == Some(OutcomeKind::Failed);
    eventually("what a dead worker held is recovered", recovered).await;
    let id = echo::enqueue(stage.workpool(), "x".into()).await.unwrap();
    assert_eq!(stage.workpool().result(id).await.unwrap(), "x");
    let first: i64 = stage.value(EXPIRES_US).await;
    let renewed = async || stage.value::<i64>(EXPIRES_US).await > first;
    eventually("the lease is renewed", renewed).await;
    stage.gates.open("hoard");
    worker.shutdown().await;
}

const EXPIRES_US: &str =
    "SELECT (extract(epoch FROM max(expires_at)) * 1000000)::bigint FROM workpool.workers";

#[tokio::test]
async fn one_that_is_lost_is_found_behind_ten_thousand_that_are_well() {
    let stage = Stage::new().await;
    stage
        .execute(
            "INSERT INTO workpool.pools (name) VALUES ('well');
            INSERT INTO workpool.work (id, pool, function, kind, run_at, args)
            SELECT gen_random_uuid(), 'well', 'elsewhere', 0, now() - interval '1 hour', 'null'
            FROM generate_series(1, 10001)",
        )
        .await;
    holder(&stage, "now() + interval '1 hour'", "well").await;
    let orphan = orphan_once::enqueue(stage.workpool(), ()).await.unwrap();
    holder(&stage, "'epoch'", "orphans").await;
    let worker = stage.start().await;
    let end = end_of(&stage, orphan).await;
    assert_eq!(end.failures[0].kind(), FailureKind::Lost);
    worker.shutdown().await;
    let held = "SELECT count(*) FROM workpool.work WHERE pool = 'well' AND worker IS NOT NULL";
    assert_eq!(stage.value::<i64>(held).await, 10001);
}

#[tokio::test]
async fn what_nobody_can_run_any_more_waits_and_says_why() {
    let stage = Stage::new().await;
    let once = orphan_once::enqueue(stage.workpool(), ()).await.unwrap();
    let again = orphan_again::enqueue(stage.workpool(), ()).await.unwrap();
    let book = orphan_book::enqueue(stage.workpool(), ()).await.unwrap();
    holder(&stage, "'epoch'", "orphans").await;
    // It knows half of them.
    let worker = stage.worker().only_functions(["orphan/once", "orphan/again"]);
    let worker = worker.start().await.unwrap();
    assert_eq!(end_of(&stage, once).await.failures[0].kind(), FailureKind::Lost);
    stage.workpool().result(again).await.unwrap();
    assert_eq!(stage.value::<i64>("SELECT count(worker) FROM workpool.work").await, 0);
    assert!(stage.workpool().status(book).await.unwrap().unwrap().is_pending());
    let why = stage.workpool().inspect().why(book.uuid()).await.unwrap().unwrap();
    let why = format!("{why:?}");
    assert!(why.contains("UnknownFunction") || why.contains("NoWorker"), "{why}");
    worker.shutdown().await;
    assert_eq!(stage.witness.count("book"), 0);
}
