//! Locks that the application holds for a while do not fail calls of ours.

use std::time::Duration;

use sqlx::AssertSqlSafe;
use workpool::{Cancel, Status};
use workpool_tests::{Stage, patiently, setup};

use crate::functions::{echo, gated, note};

/// How long somebody else's transaction holds a row: a few times the limit.
const HELD: Duration = Duration::from_millis(300);

/// While somebody holds a row for longer than the database lets anybody wait.
async fn while_held<T>(stage: &Stage, row: &str, call: impl IntoFuture<Output = T>) -> T {
    let mut tx = stage.workpool().db().begin().await.unwrap();
    let lock = AssertSqlSafe(format!("SELECT FROM workpool.{row} FOR UPDATE"));
    sqlx::query(lock).execute(&mut *tx).await.unwrap();
    let hold = async {
        tokio::time::sleep(HELD).await;
        tx.rollback().await.unwrap();
    };
    tokio::join!(call.into_future(), hold).0
}

#[tokio::test]
async fn calls_outlast_a_short_limit_on_waiting_for_locks() {
    let stage = Stage::new().await;
    let name: String = stage.value("SELECT current_database()").await;
    stage.execute(&format!("ALTER DATABASE {name} SET lock_timeout = '100ms'")).await;
    let workpool = stage.another_process().await;
    let later = Duration::from_hours(1);
    let id = echo::enqueue(&workpool, "x".into()).run_after(later).await.unwrap();
    let pool = workpool.pool("echo");
    while_held(&stage, "pools", pool.pause()).await.unwrap();
    while_held(&stage, "pools", pool.resume()).await.unwrap();
    while_held(&stage, "pools", pool.set_max_parallelism(3)).await.unwrap();
    let ran = while_held(&stage, "work", workpool.inspect().run_now(id.uuid())).await;
    ran.unwrap();
    assert_eq!(while_held(&stage, "work", workpool.cancel(id)).await.unwrap(), Cancel::Canceled);
    let retried = while_held(&stage, "finished", workpool.inspect().retry(id.uuid())).await;
    retried.unwrap();
    let all = pool.cancel_all().run();
    while_held(&stage, "work", all).await.unwrap();
    while_held(&stage, "pools", pool.remove()).await.unwrap();
}

#[tokio::test]
async fn whoever_waits_for_a_result_does_not_wait_for_a_pause_that_is_not_committed() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let worker = stage.start().await;
    let id = gated::enqueue(workpool, "gate".into()).await.unwrap();
    stage.gates.arrived("gate", 1).await;
    let mut tx = workpool.db().begin().await.unwrap();
    let pause = "UPDATE workpool.pools SET paused = true";
    sqlx::query(pause).execute(&mut *tx).await.unwrap();
    let mut result = std::pin::pin!(workpool.result(id));
    assert!(tokio::time::timeout(HELD, &mut result).await.is_err(), "it runs");
    stage.gates.open("gate");
    patiently("its result", result).await.unwrap();
    tx.rollback().await.unwrap();
    worker.shutdown().await;
}

#[tokio::test]
async fn a_pause_that_is_not_committed_holds_up_no_other_pool() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let worker = setup::quick(workpool).state(stage.gates.clone()).state(stage.witness.clone());
    let worker = worker.start().await.unwrap();
    let text = || "x".to_owned();
    for held in [false, true] {
        let mut tx = workpool.db().begin().await.unwrap();
        if held {
            sqlx::query("UPDATE workpool.pools SET paused = true WHERE name = 'notes'")
                .execute(&mut *tx)
                .await
                .unwrap();
        }
        let note = note::enqueue(workpool, text()).await.unwrap();
        for _ in 0..5 {
            let id = echo::enqueue(workpool, text()).await.unwrap();
            patiently("the other pool goes on", workpool.result(id)).await.unwrap();
        }
        if held {
            let status = workpool.status(note).await.unwrap();
            assert!(matches!(status, Some(Status::Pending { .. })), "{status:?}");
        }
        tx.rollback().await.unwrap();
        patiently("it goes on", workpool.result(note)).await.unwrap();
    }
    worker.shutdown().await;
}
