//! Locks that the application holds for a while do not fail calls of ours.

use std::time::Duration;

use sqlx::AssertSqlSafe;
use workpool::Cancel;
use workpool_tests::Stage;

use crate::functions::echo;

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
