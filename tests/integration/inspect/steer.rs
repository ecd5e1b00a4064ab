//! Steering one thing at a time, and the record of it.

use std::time::Duration;

use uuid::Uuid;
use workpool::inspect::{Retried, RunNow, WorkFilter, WorkState};
use workpool::{Cancel, Error, OutcomeKind, RetryPolicy, Status, WorkId};
use workpool_tests::Stage;

use super::all;
use crate::functions::{SOON, TOO_LATE, echo, end_of, ended, failing_at, flaky, gated, note};

const LATER: Duration = Duration::from_hours(1);

/// Fails once for all.
async fn failed(stage: &Stage) -> WorkId<()> {
    let retry = RetryPolicy::new().max_attempts(2).initial_backoff(Duration::from_millis(1));
    let enqueue = failing_at::enqueue(stage.workpool(), "gate".into()).name("mine").retry(retry);
    let id = enqueue.on_complete::<ended>("c".into()).await.unwrap();
    stage.gates.open("gate");
    let worker = stage.start().await;
    stage.noted(1).await;
    worker.shutdown().await;
    id
}

#[tokio::test]
async fn a_retry_does_the_same_work_again_as_a_new_item() {
    let stage = Stage::new().await;
    let old = failed(&stage).await;
    let inspector = stage.workpool().inspect();
    let before = inspector.show(old.uuid()).await.unwrap().unwrap();
    let Retried::As(new) = inspector.retry(old.uuid()).await.unwrap() else { panic!("not again") };
    let seen = inspector.show(new).await.unwrap().unwrap();
    assert_eq!((seen.row.state, seen.row.attempts), (WorkState::Due, 0));
    assert_eq!(
        (&seen.row.pool, &seen.row.function, &seen.row.kind, &seen.row.name, &seen.args),
        (&before.row.pool, &before.row.function, &before.row.kind, &before.row.name, &before.args)
    );
    assert_eq!(
        (seen.max_attempts, seen.initial_backoff_ms, seen.max_backoff_ms, seen.status_ttl_ms),
        (Some(2), Some(1), Some(3_600_000), Some(86_400_000))
    );
    assert_eq!(seen.callback.unwrap().context.as_deref(), Some("\"c\""));
    assert_eq!(seen.retry_of, Some(old.uuid()));
    let after = inspector.show(old.uuid()).await.unwrap().unwrap();
    assert_eq!((after.row.state, after.row.retried_as), (WorkState::Failed, Some(new)));
    assert_eq!(after.row.finished_at, before.row.finished_at);
    let _worker = stage.start().await;
    assert_eq!(end_of(&stage, WorkId::<()>::from_uuid(new)).await.outcome, OutcomeKind::Failed);
    assert_eq!(stage.noted(2).await.len(), 2);
}

#[tokio::test]
async fn the_same_failure_is_not_retried_twice() {
    let stage = Stage::new().await;
    let old = failed(&stage).await.uuid();
    let inspector = stage.workpool().inspect();
    let both = tokio::join!(inspector.retry(old), inspector.retry(old));
    let (Retried::As(new), Retried::Already(same)) = (match (both.0.unwrap(), both.1.unwrap()) {
        (one @ Retried::As(_), other) | (other, one) => (one, other),
    }) else {
        panic!("not once")
    };
    assert_eq!(new, same);
    assert_eq!(stage.unfinished().await, 1);
}

#[tokio::test]
async fn a_retry_wakes_a_worker_of_another_process() {
    let stage = Stage::new().await;
    let old = failed(&stage).await.uuid();
    let there = stage.another_process().await;
    let worker = stage.worker_of(&there).poll_interval(TOO_LATE).start().await.unwrap();
    crate::functions::let_workers_look(&stage).await;
    let Retried::As(new) = stage.workpool().inspect().retry(old).await.unwrap() else { panic!() };
    let end = stage.workpool().result(WorkId::<()>::from_uuid(new));
    tokio::time::timeout(SOON, end).await.expect("it was told").unwrap_err();
    worker.shutdown().await;
}

#[tokio::test]
async fn what_has_not_failed_is_not_retried() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let inspector = workpool.inspect();
    assert_eq!(inspector.retry(Uuid::now_v7()).await.unwrap(), Retried::Unknown);
    let id = echo::enqueue(workpool, "x".into()).await.unwrap();
    assert_eq!(inspector.retry(id.uuid()).await.unwrap(), Retried::NotEnded);
    stage.drain().await.assert_nothing_left();
    assert_eq!(inspector.retry(id.uuid()).await.unwrap(), Retried::Succeeded);
    let canceled = echo::enqueue(workpool, "x".into()).run_after(LATER).await.unwrap();
    workpool.cancel(canceled).await.unwrap();
    stage.execute("DELETE FROM workpool.pools WHERE name = 'echo'").await;
    assert_eq!(inspector.retry(canceled.uuid()).await.unwrap(), Retried::NoPool);
    assert_eq!(stage.unfinished().await, 0);
}

#[tokio::test]
async fn canceled_mutations_and_lost_actions_can_be_retried() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let inspector = workpool.inspect();
    let canceled = note::enqueue(workpool, "again".into()).run_after(LATER).await.unwrap();
    workpool.cancel(canceled).await.unwrap();
    let lost = echo::enqueue(workpool, "lost".into()).await.unwrap();
    // Of a worker that nobody knows: it may have been running.
    stage
        .execute("UPDATE workpool.work SET worker = gen_random_uuid(), attempt = 1, fence = 1")
        .await;
    let _worker = stage.start().await;
    assert_eq!(end_of(&stage, lost).await.failures[0].kind(), workpool::FailureKind::Lost);
    for old in [canceled.uuid(), lost.uuid()] {
        let Retried::As(new) = inspector.retry(old).await.unwrap() else { panic!("{old}") };
        let new = WorkId::<serde_json::Value>::from_uuid(new);
        assert_eq!(end_of(&stage, new).await.outcome, OutcomeKind::Success);
    }
    assert_eq!(stage.notes().await, ["again"]);
}

#[tokio::test]
async fn work_that_waits_for_its_time_runs_now() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let there = stage.another_process().await;
    let worker = stage.worker_of(&there).poll_interval(TOO_LATE).start().await.unwrap();
    let retry = RetryPolicy::new().initial_backoff(LATER);
    let scheduled = echo::enqueue(workpool, "x".into()).run_after(LATER).await.unwrap();
    let failing = flaky::enqueue(workpool, 1).retry(retry).await.unwrap();
    workpool_tests::eventually("it is in backoff", async || {
        let filter = WorkFilter::new().state(WorkState::Retrying);
        !all(&workpool.inspect(), &filter, 1).await.0.is_empty()
    })
    .await;
    crate::functions::let_workers_look(&stage).await;
    let inspector = workpool.inspect();
    assert_eq!(inspector.run_now(scheduled.uuid()).await.unwrap(), RunNow::Due);
    let end = tokio::time::timeout(SOON, workpool.result(scheduled)).await;
    assert_eq!(end.expect("it was told").unwrap(), "x");
    assert_eq!(inspector.run_now(failing.uuid()).await.unwrap(), RunNow::Due);
    assert_eq!(workpool.result(failing).await.unwrap(), 2);
    assert_eq!(inspector.run_now(failing.uuid()).await.unwrap(), RunNow::Ended);
    assert_eq!(inspector.run_now(Uuid::now_v7()).await.unwrap(), RunNow::Unknown);
    let running = gated::enqueue(workpool, "held".into()).await.unwrap();
    stage.gates.arrived("held", 1).await;
    assert_eq!(inspector.run_now(running.uuid()).await.unwrap(), RunNow::Running);
    stage.gates.open("held");
    worker.shutdown().await;
}

#[tokio::test]
async fn each_action_is_on_record_with_who_did_it() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let ada = workpool.inspect().acting_as("ada");
    ada.pause("echo").await.unwrap();
    ada.set_max_parallelism("echo", 3).await.unwrap();
    ada.resume("echo").await.unwrap();
    let id = echo::enqueue(workpool, "x".into()).await.unwrap();
    assert_eq!(workpool.inspect().cancel(id.uuid()).await.unwrap(), Cancel::Canceled);
    let refused = ada.pause("nowhere").await.unwrap_err();
    assert!(matches!(refused, Error::UnknownPool(_)), "{refused}");
    let acts = ada.audit(10).await.unwrap();
    let shown: Vec<_> =
        acts.iter().map(|act| format!("{} {} {}", act.action, act.target, act.outcome)).collect();
    let cancel = format!("cancel {id} canceled");
    assert_eq!(shown, [&*cancel, "resume echo done", "scale echo limit 3", "pause echo done"]);
    assert_eq!(acts[1].who, "ada");
    let user: String = stage.value("SELECT session_user::text").await;
    assert_eq!(acts[0].who, user);
    assert!(matches!(workpool.status(id).await.unwrap(), Some(Status::Finished(_))));
}

#[tokio::test]
async fn an_action_that_cannot_be_recorded_does_not_happen() {
    let stage = Stage::new().await;
    stage.execute("ALTER TABLE workpool.audit RENAME TO gone").await;
    stage.workpool().inspect().pause("echo").await.unwrap_err();
    assert!(!stage.workpool().stats("echo").await.unwrap().paused);
}

#[tokio::test]
async fn records_go_after_thirty_days() {
    let stage = Stage::new().await;
    stage
        .execute(
            "INSERT INTO workpool.audit (at, who, action, target, outcome) VALUES
                (now() - interval '31 days', 'old', '', '', ''), (now() - interval '29 days', 'new', '', '', '')",
        )
        .await;
    let _worker = stage.start().await;
    let inspector = stage.workpool().inspect();
    workpool_tests::eventually("the old one is gone", async || {
        inspector.audit(10).await.unwrap().len() == 1
    })
    .await;
    assert_eq!(inspector.audit(10).await.unwrap()[0].who, "new");
}
