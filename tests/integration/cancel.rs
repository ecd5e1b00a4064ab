//! Section 7: cancel, in each state of the work.

use std::time::{Duration, Instant};

use uuid::Uuid;
use workpool::{
    ActionCtx, Cancel, Error, MutationCtx, OutcomeKind, RetryPolicy, Status, WorkId, action,
    mutation,
};
use workpool_tests::{Gates, Stage};

use crate::functions::{
    SOON, TOO_LATE, echo, end_of, ended, failing_at, flaky, gated, let_workers_look, note, write,
};

/// Waits for its cancel, and succeeds all the same.
#[action(pool = "cancels")]
async fn hearing(ctx: &ActionCtx, name: String) -> workpool::Result<String> {
    ctx.state::<Gates>().pass("hearing").await;
    ctx.canceled().await;
    assert!(ctx.is_canceled());
    Ok(name)
}

/// A mutation that is canceled while it waits.
#[mutation(pool = "cancels")]
async fn hearing_mutation(ctx: &mut MutationCtx<'_>) -> workpool::Result<bool> {
    write(ctx, "effect").await?;
    let gates = ctx.state::<Gates>().clone();
    gates.pass("hearing").await;
    ctx.canceled().await;
    Ok(ctx.is_canceled())
}

/// Cancels other work, and some of its own.
#[mutation(pool = "cancels")]
async fn canceling(ctx: &mut MutationCtx<'_>, id: Uuid, fail: bool) -> anyhow::Result<String> {
    let other = ctx.cancel(WorkId::<()>::from_uuid(id)).await?;
    let own = note::enqueue(ctx, "never".into()).await?;
    let own = ctx.cancel(own).await?;
    anyhow::ensure!(!fail, "after all");
    Ok(format!("{other:?} {own:?}"))
}

fn hour() -> RetryPolicy {
    RetryPolicy::new().initial_backoff(Duration::from_hours(1))
}

#[tokio::test]
async fn pending_and_scheduled_work_ends_canceled_and_its_completion_is_told() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    for delay in [0, 3600] {
        let echo = echo::enqueue(workpool, "x".into()).run_after(Duration::from_secs(delay));
        let id = echo.on_complete::<ended>("echo".into()).await.unwrap();
        assert_eq!(workpool.cancel(id).await.unwrap(), Cancel::Canceled);
        let end = end_of(&stage, id).await;
        assert_eq!((end.outcome, end.attempts, end.started_at), (OutcomeKind::Canceled, 0, None));
        assert!(matches!(workpool.result(id).await, Err(Error::WorkCanceled)));
    }
    stage.drain().await.assert_nothing_left();
    assert!(stage.witness.seen().is_empty(), "it never ran");
    assert_eq!(stage.notes().await, ["echo: canceled after 0"; 2]);
}

#[tokio::test]
async fn work_in_backoff_ends_canceled_and_keeps_its_failures() {
    let stage = Stage::new().await;
    let flaky = flaky::enqueue(stage.workpool(), 9).retry(hour()).on_complete::<ended>("x".into());
    let id = flaky.await.unwrap();
    let _ = stage.drain().await;
    assert_eq!(stage.workpool().cancel(id).await.unwrap(), Cancel::Canceled);
    stage.drain().await.assert_nothing_left();
    let end = end_of(&stage, id).await;
    assert_eq!((end.outcome, end.attempts), (OutcomeKind::Canceled, 1));
    assert_eq!(end.failures[0].message(), "attempt 1 fails");
    assert_eq!(stage.notes().await, ["x: canceled after 1"]);
}

#[tokio::test]
async fn a_committed_cancel_of_pending_work_can_never_start() {
    let stage = Stage::new().await;
    let _worker = stage.start().await;
    let texts: Vec<_> = (0..300).map(|n| n.to_string()).collect();
    let ids = echo::enqueue_batch(stage.workpool(), texts.clone()).await.unwrap();
    let mut canceled = 0;
    // From the end, so that the worker and the cancels meet in the middle.
    for (id, text) in ids.iter().zip(&texts).rev() {
        if stage.workpool().cancel(*id).await.unwrap() == Cancel::Canceled {
            assert_eq!(stage.witness.count(text), 0);
            canceled += 1;
        }
    }
    for id in &ids {
        let _ = stage.workpool().result(*id).await;
    }
    assert_eq!(stage.witness.seen().len(), 300 - canceled);
}

#[tokio::test]
async fn running_work_is_told_and_its_success_stays_a_success() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let _worker = stage.start().await;
    let hearing = hearing::enqueue(workpool, "x".into()).on_complete::<ended>("x".into());
    let id = hearing.await.unwrap();
    stage.gates.admit("hearing", 1);
    stage.gates.arrived("hearing", 1).await;
    assert_eq!(workpool.cancel(id).await.unwrap(), Cancel::Requested);
    assert_eq!(workpool.result(id).await.unwrap(), "x");
    assert_eq!(end_of(&stage, id).await.outcome, OutcomeKind::Success);
    assert_eq!(stage.noted(1).await, ["x: success \"x\" after 1"]);
}

#[tokio::test]
async fn a_failure_with_attempts_left_becomes_canceled_and_is_kept() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let _worker = stage.start().await;
    let failing = failing_at::enqueue(workpool, "gate".into()).retry(true);
    let id = failing.on_complete::<ended>("x".into()).await.unwrap();
    stage.gates.arrived("gate", 1).await;
    assert_eq!(workpool.cancel(id).await.unwrap(), Cancel::Requested);
    match workpool.status(id).await.unwrap() {
        Some(Status::Running { cancel_requested: true, previous_attempts: 0, .. }) => {}
        other => panic!("{other:?}"),
    }
    stage.gates.open("gate");
    let end = end_of(&stage, id).await;
    assert_eq!((end.outcome, end.attempts), (OutcomeKind::Canceled, 1));
    assert_eq!(end.failures[0].message(), "failed at gate");
    assert_eq!(stage.noted(1).await, ["x: canceled after 1"]);
}

#[tokio::test]
async fn a_final_failure_stays_failed() {
    let stage = Stage::new().await;
    let _worker = stage.start().await;
    let failing = failing_at::enqueue(stage.workpool(), "gate".into());
    let id = failing.on_complete::<ended>("x".into()).await.unwrap();
    stage.gates.arrived("gate", 1).await;
    assert_eq!(stage.workpool().cancel(id).await.unwrap(), Cancel::Requested);
    stage.gates.open("gate");
    assert_eq!(end_of(&stage, id).await.outcome, OutcomeKind::Failed);
    assert_eq!(stage.noted(1).await, ["x: failed failed at gate after 1"]);
}

#[tokio::test]
async fn a_running_mutation_is_told_and_commits_when_it_succeeds() {
    let stage = Stage::new().await;
    let _worker = stage.start().await;
    let id = hearing_mutation::enqueue(stage.workpool(), ()).await.unwrap();
    stage.gates.admit("hearing", 1);
    stage.gates.arrived("hearing", 1).await;
    assert_eq!(stage.workpool().cancel(id).await.unwrap(), Cancel::Requested);
    assert!(stage.workpool().result(id).await.unwrap());
    assert_eq!(stage.notes().await, ["effect"]);
}

#[tokio::test]
async fn a_second_cancel_finds_what_the_first_one_left() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let pending = echo::enqueue(workpool, "x".into()).await.unwrap();
    assert_eq!(workpool.cancel(pending).await.unwrap(), Cancel::Canceled);
    assert_eq!(workpool.cancel(pending).await.unwrap(), Cancel::AlreadyFinished);
    let _worker = stage.start().await;
    let running = gated::enqueue(workpool, "gate".into()).await.unwrap();
    stage.gates.arrived("gate", 1).await;
    assert_eq!(workpool.cancel(running).await.unwrap(), Cancel::Requested);
    assert_eq!(workpool.cancel(running).await.unwrap(), Cancel::Requested);
    stage.gates.open("gate");
    workpool.result(running).await.unwrap();
    assert_eq!(workpool.cancel(running).await.unwrap(), Cancel::AlreadyFinished);
}

#[tokio::test]
async fn work_that_is_not_known_is_no_error() {
    let stage = Stage::new().await;
    let unknown = WorkId::<()>::new();
    assert_eq!(stage.workpool().cancel(unknown).await.unwrap(), Cancel::Unknown);
    let mut tx = stage.workpool().db().begin().await.unwrap();
    let within = stage.workpool().within(&mut tx);
    assert_eq!(within.cancel(unknown).await.unwrap(), Cancel::Unknown);
}

#[tokio::test]
async fn a_cancel_within_a_transaction_holds_when_that_commits() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let _worker = stage.start().await;
    let echo = echo::enqueue(workpool, "x".into()).run_after(Duration::from_hours(1));
    let pending = echo.on_complete::<ended>("x".into()).await.unwrap();
    let running = hearing::enqueue(workpool, "y".into()).await.unwrap();
    stage.gates.admit("hearing", 1);
    stage.gates.arrived("hearing", 1).await;
    let mut tx = workpool.db().begin().await.unwrap();
    let within = workpool.within(&mut tx);
    assert_eq!(within.cancel(pending).await.unwrap(), Cancel::Canceled);
    assert_eq!(within.cancel(running).await.unwrap(), Cancel::Requested);
    drop(within);
    assert!(workpool.status(pending).await.unwrap().unwrap().is_pending(), "not committed");
    tx.commit().await.unwrap();
    assert_eq!(workpool.result(running).await.unwrap(), "y");
    assert_eq!(end_of(&stage, pending).await.outcome, OutcomeKind::Canceled);
}

#[tokio::test]
async fn a_cancel_that_is_rolled_back_has_not_happened() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let id = echo::enqueue(workpool, "x".into()).on_complete::<ended>("x".into()).await.unwrap();
    let mut tx = workpool.db().begin().await.unwrap();
    let within = workpool.within(&mut tx);
    assert_eq!(within.cancel(id).await.unwrap(), Cancel::Canceled);
    drop(within);
    tx.rollback().await.unwrap();
    stage.drain().await.assert_nothing_left();
    assert_eq!(workpool.result(id).await.unwrap(), "x");
    assert_eq!(stage.notes().await, ["x: success \"x\" after 1"]);
}

#[tokio::test]
async fn a_mutation_cancels_in_its_own_transaction() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let later = Duration::from_hours(1);
    let victims = note::enqueue_batch(workpool, ["kept".into(), "gone".into()]).run_after(later);
    let victims = victims.await.unwrap();
    let args = |victim: usize, fail| CancelingArgs { id: victims[victim].uuid(), fail };
    canceling::enqueue(workpool, args(0, true)).await.unwrap();
    let id = canceling::enqueue(workpool, args(1, false)).await.unwrap();
    let _ = stage.drain().await;
    assert_eq!(workpool.result(id).await.unwrap(), "Canceled Canceled");
    assert!(workpool.status(victims[0]).await.unwrap().unwrap().is_pending());
    assert_eq!(end_of(&stage, victims[1]).await.outcome, OutcomeKind::Canceled);
    assert!(stage.notes().await.is_empty());
}

#[tokio::test]
async fn the_token_fires_in_another_process_in_about_a_second() {
    let stage = Stage::new().await;
    let other = stage.another_process().await;
    let worker = stage.worker_of(&other).poll_interval(TOO_LATE);
    let _worker = worker.start().await.unwrap();
    let id = hearing::enqueue(stage.workpool(), "x".into()).await.unwrap();
    stage.gates.admit("hearing", 1);
    stage.gates.arrived("hearing", 1).await;
    let begun = Instant::now();
    assert_eq!(stage.workpool().cancel(id).await.unwrap(), Cancel::Requested);
    assert_eq!(stage.workpool().result(id).await.unwrap(), "x");
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn work_that_is_canceled_while_nobody_could_notify_is_told_all_the_same() {
    let stage = Stage::new().await;
    let _worker = stage.start().await;
    let id = hearing::enqueue(stage.workpool(), "x".into()).await.unwrap();
    stage.gates.admit("hearing", 1);
    stage.gates.arrived("hearing", 1).await;
    stage.execute("UPDATE workpool.work SET cancel_requested = true").await;
    assert_eq!(stage.workpool().result(id).await.unwrap(), "x");
}

#[tokio::test]
async fn canceled_work_stays_canceled_for_workers_that_start_later() {
    let stage = Stage::new().await;
    let id = echo::enqueue(stage.workpool(), "x".into()).await.unwrap();
    stage.workpool().cancel(id).await.unwrap();
    let _worker = stage.start().await;
    let_workers_look(&stage).await;
    assert!(stage.witness.seen().is_empty());
}
