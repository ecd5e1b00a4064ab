//! One item in full.

use std::time::Duration;

use workpool::inspect::{CallbackState, WorkState};
use workpool::{RetryPolicy, WorkId};
use workpool_tests::Stage;

use crate::functions::{echo, ended, failing_at, gated};

#[tokio::test]
async fn a_waiting_item_shows_what_it_was_given() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let retry = RetryPolicy::new().max_attempts(3).initial_backoff(Duration::from_secs(2));
    let id = echo::enqueue(workpool, "héllo".into())
        .name("mine")
        .retry(retry)
        .on_complete::<ended>("context".into())
        .run_after(Duration::from_hours(1))
        .await
        .unwrap();
    let seen = workpool.inspect().show(id.uuid()).await.unwrap().unwrap();
    assert_eq!((seen.row.id, seen.row.state), (id.uuid(), WorkState::Scheduled));
    assert_eq!((seen.row.pool.as_str(), seen.row.name.as_deref()), ("echo", Some("mine")));
    assert_eq!(seen.args.as_deref(), Some("\"héllo\""));
    assert_eq!((seen.max_attempts, seen.initial_backoff_ms), (Some(3), Some(2000)));
    assert_eq!(seen.status_ttl_ms, Some(86_400_000));
    let callback = seen.callback.unwrap();
    assert_eq!((callback.state, callback.context.as_deref()), (None, Some("\"context\"")));
    assert!(!seen.hidden && seen.failures.is_empty());
}

#[tokio::test]
async fn a_running_item_shows_who_runs_it() {
    let stage = Stage::new().await;
    let _worker = stage.start().await;
    let id = gated::enqueue(stage.workpool(), "gate".into()).await.unwrap();
    stage.gates.arrived("gate", 1).await;
    let seen = stage.workpool().inspect().show(id.uuid()).await.unwrap().unwrap();
    assert_eq!(seen.row.state, WorkState::Running);
    assert_eq!(seen.pid, Some(i64::from(std::process::id())));
    assert!(seen.row.worker.is_some() && seen.host.is_some() && seen.row.started_at.is_some());
    stage.gates.open("gate");
}

#[tokio::test]
async fn a_failure_keeps_its_arguments_attempts_and_callback() {
    let stage = Stage::new().await;
    stage.gates.open("gate");
    let retry = RetryPolicy::new().max_attempts(2).initial_backoff(Duration::from_millis(1));
    let id = failing_at::enqueue(stage.workpool(), "gate".into()).retry(retry);
    let id = id.on_complete::<ended>("c".into()).await.unwrap();
    let _worker = stage.start().await;
    stage.noted(1).await;
    let seen = stage.workpool().inspect().show(id.uuid()).await.unwrap().unwrap();
    assert_eq!((seen.row.state, seen.row.attempts), (WorkState::Failed, 2));
    assert_eq!(seen.args.as_deref(), Some("\"gate\""));
    let attempts: Vec<_> = seen.failures.iter().map(workpool::Failure::attempt).collect();
    assert_eq!(attempts, [1, 2]);
    let (first, second) = (&seen.failures[0], &seen.failures[1]);
    assert!(first.at().unwrap() <= second.at().unwrap() && first.took().is_some());
    assert_eq!((seen.max_attempts, seen.callback.unwrap().state), (Some(2), None));
    assert!(seen.expires_at.unwrap() > seen.now);
}

#[tokio::test]
async fn a_success_keeps_its_result_and_pays_for_nothing_else() {
    let stage = Stage::new().await;
    let id = echo::enqueue(stage.workpool(), "x".into()).on_complete::<ended>("c".into());
    let id = id.await.unwrap();
    let _worker = stage.start().await;
    stage.noted(1).await;
    let seen = stage.workpool().inspect().show(id.uuid()).await.unwrap().unwrap();
    assert_eq!((seen.row.state, seen.result.as_deref()), (WorkState::Succeeded, Some("\"x\"")));
    assert_eq!((seen.args, seen.callback), (None, None));
    let kept = "SELECT count(*) FROM workpool.finished WHERE COALESCE(args, context) IS NOT NULL
        OR COALESCE(callback, max_attempts::text, callback_outcomes::text) IS NOT NULL";
    assert_eq!(stage.value::<i64>(kept).await, 0);
}

#[tokio::test]
async fn a_parked_callback_shows_with_its_work() {
    let stage = Stage::new().await;
    let id = echo::enqueue(stage.workpool(), "x".into()).on_complete::<ended>("c".into());
    let id = id.await.unwrap();
    stage.execute("ALTER TABLE notes RENAME TO gone").await;
    let _ = stage.drain().await;
    stage.execute("UPDATE workpool.callbacks SET parked_at = now(), worker = NULL").await;
    let seen = stage.workpool().inspect().show(id.uuid()).await.unwrap().unwrap();
    let callback = seen.callback.unwrap();
    assert_eq!(callback.state, Some(CallbackState::Parked));
    assert_eq!(callback.context.as_deref(), Some("\"c\""));
    assert!(callback.failure.unwrap().message().contains("notes"), "why it failed");
}

#[tokio::test]
async fn what_is_not_known_is_none() {
    let stage = Stage::new().await;
    let unknown = WorkId::<()>::new().uuid();
    assert!(stage.workpool().inspect().show(unknown).await.unwrap().is_none());
    assert!(stage.workpool().inspect().why(unknown).await.unwrap().is_none());
}

#[tokio::test]
async fn every_answer_serializes() {
    let stage = Stage::new().await;
    let id = echo::enqueue(stage.workpool(), "x".into()).await.unwrap();
    let inspector = stage.workpool().inspect();
    let seen = serde_json::to_value(inspector.show(id.uuid()).await.unwrap()).unwrap();
    assert_eq!((&seen["state"], &seen["kind"]), (&"due".into(), &"action".into()));
    assert!(seen["enqueued_at"].as_str().unwrap().ends_with('Z'), "{seen}");
    let pools = serde_json::to_value(inspector.pools().await.unwrap()).unwrap();
    assert_eq!(pools[0]["backlog"]["more"], false);
    let why = serde_json::to_value(inspector.why(id.uuid()).await.unwrap()).unwrap();
    assert_eq!(why["why"], "no_worker");
}
