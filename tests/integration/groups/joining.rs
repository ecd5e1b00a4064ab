//! What may join the transaction of a first.

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use uuid::Uuid;
use workpool::{Cancel, WorkId};
use workpool_tests::Stage;

use super::{Then, all, many, queue};

/// How many items would join the transaction of a first.
async fn joining(stage: &Stage, worker: Uuid, first: WorkId<String>) -> usize {
    let all = workpool::testing::statements(stage.workpool());
    let join = all.iter().find(|(name, _)| *name == "join").unwrap().1.as_str();
    let mut conn = PgConnection::connect(stage.url()).await.unwrap();
    conn.execute(AssertSqlSafe(format!("PREPARE j AS {join}"))).await.unwrap();
    let functions = "ARRAY['integration::groups::entry']";
    let execute = format!(
        "EXECUTE j('{worker}', 'ledger', {functions}, {functions}, 'epoch', '{first}', 100)"
    );
    sqlx::raw_sql(AssertSqlSafe(execute)).fetch_all(&mut conn).await.unwrap().len()
}

/// A worker that runs the first of a queue of nine.
async fn leading(stage: &Stage) -> (Uuid, WorkId<String>) {
    let (ids, worker) = (queue(stage, &all(&many(8), Then::Ends)).await, Uuid::now_v7());
    for statement in [
        format!(
            "INSERT INTO workpool.slots (pool, worker, granted) VALUES ('ledger', '{worker}', 1)"
        ),
        format!(
            "UPDATE workpool.work SET worker = '{worker}', fence = 1, attempt = 1 WHERE id = '{}'",
            ids[0]
        ),
    ] {
        stage.execute(&statement).await;
    }
    (worker, ids[0])
}

#[tokio::test]
async fn a_pool_that_was_paused_gives_a_first_no_company() {
    let stage = Stage::new().await;
    let (worker, first) = leading(&stage).await;
    assert_eq!(joining(&stage, worker, first).await, 8);
    stage.workpool().pool("ledger").pause().await.unwrap();
    assert_eq!(joining(&stage, worker, first).await, 0);
}

/// Else a cancel of all could hold the first and wait for the others, and their end the other way round.
#[tokio::test]
async fn a_first_that_somebody_has_locked_has_no_company() {
    let stage = Stage::new().await;
    let (worker, first) = leading(&stage).await;
    let mut tx = stage.workpool().db().begin().await.unwrap();
    assert_eq!(stage.workpool().within(&mut tx).cancel(first).await.unwrap(), Cancel::Requested);
    assert_eq!(joining(&stage, worker, first).await, 0);
    tx.rollback().await.unwrap();
    assert_eq!(joining(&stage, worker, first).await, 8);
}
