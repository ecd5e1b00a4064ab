//! Wake-ups are hints: nothing depends on one, and nobody sends one in vain.

use std::time::Duration;

use sqlx::postgres::PgListener;
use workpool_tests::{Stage, eventually, patiently};

use crate::functions::{TOO_LATE, echo, let_workers_look};

/// How many listen, apart from those that did before.
const LISTENERS: &str = "SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'workpool listener'
    AND query LIKE 'LISTEN%' AND state = 'idle'
    AND pid NOT IN (SELECT pid FROM cut_off)";

#[tokio::test]
async fn work_that_nobody_announced_is_found_by_polling() {
    let stage = Stage::new().await;
    let _worker = stage.start().await;
    let hour = Duration::from_hours(1);
    let id = echo::enqueue(stage.workpool(), "x".into()).run_after(hour).await.unwrap();
    let_workers_look(&stage).await;
    assert!(stage.workpool().status(id).await.unwrap().unwrap().is_pending());
    stage.execute("UPDATE workpool.work SET run_at = statement_timestamp()").await;
    stage.witness.until("x", 1).await;
}

#[tokio::test]
async fn a_listener_that_was_cut_off_listens_again() {
    let stage = Stage::new().await;
    stage.execute("CREATE TABLE cut_off (pid integer)").await;
    let other = stage.another_process().await;
    let worker = stage.worker_of(&other).poll_interval(TOO_LATE);
    let _worker = worker.start().await.unwrap();
    eventually("it listens", async || stage.value::<i64>(LISTENERS).await > 0).await;
    let listeners = "INSERT INTO cut_off SELECT pid FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'workpool listener'";
    stage.execute(listeners).await;
    stage.execute("SELECT pg_terminate_backend(pid) FROM cut_off").await;
    eventually("it listens again", async || stage.value::<i64>(LISTENERS).await > 0).await;
    echo::enqueue(stage.workpool(), "x".into()).await.unwrap();
    stage.witness.until("x", 1).await;
}

#[tokio::test]
async fn an_enqueue_that_nobody_sleeps_for_notifies_nobody() {
    let stage = Stage::new().await;
    let mut listener = PgListener::connect(stage.url()).await.unwrap();
    listener.listen("workpool_workpool").await.unwrap();
    echo::enqueue(stage.workpool(), "x".into()).await.unwrap();
    stage.execute("SELECT pg_notify('workpool_workpool', 'the next')").await;
    let note = patiently("a notification", listener.recv()).await.unwrap();
    assert_eq!(note.payload(), "the next");
}
