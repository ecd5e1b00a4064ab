//! Why an item does not run.

use std::time::Duration;

use uuid::Uuid;
use workpool::inspect::Why;
use workpool::{OutcomeKind, RetryPolicy};
use workpool_tests::{Stage, eventually};

use crate::functions::{echo, flaky, gated};

const LATER: Duration = Duration::from_hours(1);

async fn why(stage: &Stage, id: impl Into<Uuid>) -> Why {
    stage.workpool().inspect().why(id.into()).await.unwrap().unwrap()
}

#[tokio::test]
async fn its_time_has_not_come() {
    let stage = Stage::new().await;
    let id = echo::enqueue(stage.workpool(), "x".into()).run_after(LATER).await.unwrap();
    let found = why(&stage, id).await;
    let Why::Scheduled { in_ms, .. } = found else { panic!("{found:?}") };
    assert!((3_500_000..=3_600_000).contains(&in_ms), "{in_ms}");
    assert!(found.to_string().starts_with("it is scheduled for "), "{found}");
}

#[tokio::test]
async fn it_waits_after_a_failure() {
    let stage = Stage::new().await;
    let _worker = stage.start().await;
    let retry = RetryPolicy::new().initial_backoff(LATER).max_backoff(LATER);
    let id = flaky::enqueue(stage.workpool(), 9).retry(retry).await.unwrap();
    let waits = async || matches!(why(&stage, id).await, Why::Backoff { .. });
    eventually("it waits", waits).await;
    let found = why(&stage, id).await;
    let Why::Backoff { attempts, failure: Some(failure), .. } = &found else { panic!("{found:?}") };
    assert_eq!((*attempts, failure.message()), (1, "attempt 1 fails"));
    assert!(found.to_string().starts_with("attempt 1 failed (attempt 1 fails); the next"));
}

#[tokio::test]
async fn its_pool_is_paused_or_has_no_slots() {
    let stage = Stage::new().await;
    let id = echo::enqueue(stage.workpool(), "x".into()).await.unwrap();
    let pool = stage.workpool().pool("echo");
    pool.pause().await.unwrap();
    assert_eq!(why(&stage, id).await.to_string(), "pool `echo` is paused");
    pool.resume().await.unwrap();
    pool.set_max_parallelism(0).await.unwrap();
    assert_eq!(why(&stage, id).await.to_string(), "the limit of pool `echo` is 0");
}

#[tokio::test]
async fn nobody_lives_or_serves_its_pool_or_knows_its_function() {
    let stage = Stage::new().await;
    let id = echo::enqueue(stage.workpool(), "x".into()).await.unwrap();
    assert_eq!(why(&stage, id).await, Why::NoWorker);
    let worker = stage.worker().only_pools(["gated"]).start().await.unwrap();
    let unserved = async || matches!(why(&stage, id).await, Why::PoolNotServed { .. });
    eventually("it is not served", unserved).await;
    stage.execute("UPDATE workpool.work SET function = 'renamed'").await;
    let found = why(&stage, id).await;
    assert_eq!(found.to_string(), "none of the 1 live workers knows the function `renamed`");
    worker.shutdown().await;
}

#[tokio::test]
async fn its_pool_is_not_in_the_database() {
    let stage = Stage::new().await;
    let id = echo::enqueue(stage.workpool(), "x".into()).await.unwrap();
    stage.execute("DELETE FROM workpool.pools WHERE name = 'echo'").await;
    assert!(matches!(why(&stage, id).await, Why::UnknownPool { .. }));
}

#[tokio::test]
async fn all_slots_are_taken_and_by_whom() {
    let stage = Stage::new().await;
    let _worker = stage.start().await;
    let texts = (0..12).map(|_| "gate".to_owned());
    let ids = gated::enqueue_batch(stage.workpool(), texts).await.unwrap();
    stage.gates.arrived("gate", 10).await;
    let found = why(&stage, ids[11]).await;
    let Why::Saturated { max_parallelism, holders, before, .. } = &found else {
        panic!("{found:?}")
    };
    assert_eq!((*max_parallelism, holders.len(), before.items), (10, 1, 1));
    assert_eq!(holders[0].pid, Some(i64::from(std::process::id())));
    assert!(found.to_string().ends_with("(10); 1 due before it"), "{found}");
    stage.gates.open("gate");
}

#[tokio::test]
async fn it_runs_or_is_about_to_or_has_ended() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let worker = stage.start().await;
    let id = gated::enqueue(workpool, "gate".into()).await.unwrap();
    stage.gates.arrived("gate", 1).await;
    let found = why(&stage, id).await;
    let Why::Running { pid, abandoned: false, cancel_requested: false, .. } = found else {
        panic!("{found:?}")
    };
    assert_eq!(pid, Some(i64::from(std::process::id())));
    workpool.cancel(id).await.unwrap();
    assert!(why(&stage, id).await.to_string().ends_with("it has been asked to stop"));
    let mut tx = workpool.db().begin().await.unwrap();
    let next = gated::enqueue(&workpool.within(&mut tx), "gate".into()).await.unwrap();
    tx.commit().await.unwrap();
    // It starts at any moment.
    let soon = why(&stage, next).await;
    assert!(matches!(soon, Why::Due { .. } | Why::Running { .. }), "{soon:?}");
    stage.gates.open("gate");
    let _ = workpool.result(id).await;
    let found = why(&stage, id).await;
    let Why::Ended { outcome: OutcomeKind::Success, .. } = found else { panic!("{found:?}") };
    worker.shutdown().await;
}

#[tokio::test]
async fn its_worker_is_dead() {
    let stage = Stage::new().await;
    let id = echo::enqueue(stage.workpool(), "x".into()).await.unwrap();
    stage.execute("UPDATE workpool.work SET worker = gen_random_uuid(), started_at = now()").await;
    let found = why(&stage, id).await;
    assert!(matches!(found, Why::Running { abandoned: true, host: None, .. }), "{found:?}");
}
