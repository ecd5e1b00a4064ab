//! Section 8: status, results, how long they are kept, and watching them change.

use std::pin::pin;
use std::time::{Duration, Instant, SystemTime};

use futures_util::StreamExt;
use workpool::testing::advance;
use workpool::{
    ActionCtx, Error, OutcomeKind, Pool, PoolStats, RetryPolicy, Status, WorkId, action,
};
use workpool_tests::{Stage, eventually, patiently};

use crate::functions::{SOON, echo, end_of, ended, flaky, gated};

const DAY: Duration = Duration::from_hours(24);

workpool::pool!(
    /// Forgets what has ended.
    FORGETFUL = Pool::new("forgetful").status_ttl(Duration::ZERO)
);

#[action(pool = FORGETFUL)]
async fn forgotten(_ctx: &ActionCtx) -> workpool::Result<u32> {
    Ok(7)
}

#[action(pool = FORGETFUL, status_ttl = "forever")]
async fn remembered(_ctx: &ActionCtx) -> workpool::Result<u32> {
    Ok(7)
}

#[action(pool = FORGETFUL, status_ttl = "2d")]
async fn kept(_ctx: &ActionCtx) -> workpool::Result<u32> {
    Ok(7)
}

#[tokio::test]
async fn status_follows_work_from_pending_over_running_to_finished() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let policy = RetryPolicy::new().initial_backoff(Duration::ZERO);
    let id = gated::enqueue(workpool, "gate".into()).retry(policy).await.unwrap();
    match workpool.status(id).await.unwrap() {
        Some(Status::Pending { previous_attempts: 0, last_failure: None, run_at }) => {
            let age = SystemTime::now().duration_since(run_at).unwrap_or_default();
            assert!(age < Duration::from_mins(1), "{age:?}");
        }
        other => panic!("{other:?}"),
    }
    let _worker = stage.start().await;
    stage.gates.arrived("gate", 1).await;
    match workpool.status(id).await.unwrap() {
        Some(Status::Running { previous_attempts: 0, started_at, cancel_requested: false }) => {
            assert!(started_at.is_some());
        }
        other => panic!("{other:?}"),
    }
    stage.gates.open("gate");
    let end = end_of(&stage, id).await;
    assert_eq!((end.outcome, end.attempts, end.failures), (OutcomeKind::Success, 1, vec![]));
    let started_at = end.started_at.unwrap();
    assert!(end.enqueued_at <= started_at && started_at <= end.finished_at);
}

#[tokio::test]
async fn a_running_retry_shows_the_attempts_before_it() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let _worker = stage.start().await;
    let policy = RetryPolicy::new().initial_backoff(Duration::ZERO);
    let failing = crate::functions::failing_at::enqueue(workpool, "gate".into()).retry(policy);
    let id = failing.await.unwrap();
    stage.gates.admit("gate", 2);
    stage.gates.arrived("gate", 3).await;
    let status = workpool.status(id).await.unwrap().unwrap();
    assert_eq!((status.is_running(), status.previous_attempts()), (true, 2));
    stage.gates.open("gate");
}

#[tokio::test]
async fn unknown_work_has_no_status_and_is_no_error() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let known = echo::enqueue(workpool, "x".into()).await.unwrap();
    let unknown = WorkId::new();
    assert_eq!(workpool.status(unknown).await.unwrap(), None);
    let batch = workpool.status_batch([unknown, known, unknown, known]).await.unwrap();
    assert_eq!(batch.iter().map(Option::is_some).collect::<Vec<_>>(), [false, true, false, true]);
    assert_eq!(workpool.status_batch::<()>([]).await.unwrap(), []);
    match workpool.result(unknown).await {
        Err(Error::UnknownWork(id)) => assert_eq!(id, unknown.uuid()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_result_is_awaited_in_a_process_that_runs_no_worker() {
    let stage = Stage::new().await;
    let other = stage.another_process().await;
    let id = gated::enqueue(stage.workpool(), "gate".into()).await.unwrap();
    let waiting = tokio::spawn(async move { other.result(id).await });
    let _worker = stage.start().await;
    stage.gates.arrived("gate", 1).await;
    assert!(!waiting.is_finished());
    stage.gates.open("gate");
    patiently("the result", waiting).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_result_reaches_other_processes_in_well_under_a_second() {
    let stage = Stage::new().await;
    let other = stage.another_process().await;
    let _worker = stage.start().await;
    for text in ["a", "b", "c"] {
        let begun = Instant::now();
        let id = echo::enqueue(&other, text.into()).await.unwrap();
        assert_eq!(other.result(id).await.unwrap(), text);
        assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn a_result_says_how_work_ended_without_one() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let failed = flaky::enqueue(workpool, 1).await.unwrap();
    let canceled = flaky::enqueue(workpool, 0).await.unwrap();
    workpool.cancel(canceled).await.unwrap();
    let echo = echo::enqueue(workpool, "x".into()).await.unwrap();
    stage.drain().await.assert_nothing_left();
    match workpool.result(failed).await {
        Err(Error::WorkFailed(failure)) => assert_eq!(failure.message(), "attempt 1 fails"),
        other => panic!("{other:?}"),
    }
    assert!(matches!(workpool.result(canceled).await, Err(Error::WorkCanceled)));
    let mistaken = WorkId::<u32>::from_uuid(echo.uuid());
    let undecodable = workpool.result(mistaken).await;
    assert!(matches!(undecodable, Err(Error::Undecodable { what: "result", .. })));
}

#[tokio::test]
async fn a_status_is_kept_for_a_day_and_then_pruned() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let id = echo::enqueue(workpool, "x".into()).await.unwrap();
    stage.drain().await.assert_nothing_left();
    let kept = "SELECT expires_at - finished_at = interval '1 day' FROM workpool.finished";
    assert!(stage.value::<bool>(kept).await);
    let _worker = stage.start().await;
    advance(workpool, Duration::from_mins(24 * 60 - 1)).await.unwrap();
    let marker = echo::enqueue(workpool, "marker".into()).status_ttl(Duration::from_millis(1));
    let marker = marker.await.unwrap();
    eventually("the marker is pruned", async || workpool.status(marker).await.unwrap().is_none())
        .await;
    assert_eq!(workpool.result(id).await.unwrap(), "x", "still");
    advance(workpool, Duration::from_secs(61)).await.unwrap();
    eventually("it is pruned", async || workpool.status(id).await.unwrap().is_none()).await;
}

#[tokio::test]
async fn many_expired_ends_are_all_pruned() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let texts = (0..2500).map(|n| n.to_string());
    echo::enqueue_batch(workpool, texts).await.unwrap();
    workpool.pool("echo").cancel_all().run().await.unwrap();
    let _worker = stage.start().await;
    advance(workpool, DAY * 2).await.unwrap();
    eventually("all are pruned", async || {
        stage.value::<i64>("SELECT count(*) FROM workpool.finished").await == 0
    })
    .await;
}

#[tokio::test]
async fn a_status_that_is_not_kept_is_unknown_at_once_and_completions_run_all_the_same() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let id = forgotten::enqueue(workpool, ()).on_complete::<ended>("x".into()).await.unwrap();
    let waiting = tokio::spawn({
        let workpool = workpool.clone();
        async move { workpool.result(id).await }
    });
    stage.drain().await.assert_nothing_left();
    assert_eq!(workpool.status(id).await.unwrap(), None);
    let answer = patiently("an answer", waiting).await.unwrap();
    assert!(matches!(answer, Ok(7) | Err(Error::UnknownWork(_))), "{answer:?}");
    assert_eq!(stage.notes().await, ["x: success 7 after 1"]);
}

#[tokio::test]
async fn how_long_a_status_is_kept_is_said_by_the_call_else_the_attribute_else_the_pool() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let forgotten = forgotten::enqueue(workpool, ()).await.unwrap();
    let attribute = kept::enqueue(workpool, ()).await.unwrap();
    let forever = remembered::enqueue(workpool, ()).await.unwrap();
    let call = remembered::enqueue(workpool, ()).status_ttl(DAY).await.unwrap();
    let max = self::forgotten::enqueue(workpool, ()).status_ttl(Duration::MAX).await.unwrap();
    let ttl = async |id: WorkId<u32>| stage.column::<Option<i64>>("status_ttl_ms", id).await;
    assert_eq!(ttl(forgotten).await, Some(0));
    assert_eq!(ttl(attribute).await, Some(2 * 86_400_000));
    assert_eq!(ttl(forever).await, None);
    assert_eq!(ttl(call).await, Some(86_400_000));
    assert_eq!(ttl(max).await, None);
    stage.drain().await.assert_nothing_left();
    advance(workpool, DAY * 365_000).await.unwrap();
    let _worker = stage.start().await;
    eventually("the others are pruned", async || {
        stage.value::<i64>("SELECT count(*) FROM workpool.finished").await == 2
    })
    .await;
    assert_eq!(workpool.result(forever).await.unwrap(), 7);
    assert_eq!(workpool.result(max).await.unwrap(), 7);
}

#[tokio::test]
async fn a_watch_sees_work_pending_then_running_then_finished_and_ends() {
    let stage = Stage::new().await;
    let other = stage.another_process().await;
    let id = gated::enqueue(stage.workpool(), "gate".into()).await.unwrap();
    let mut watch = pin!(other.watch(id));
    let mut next = async || patiently("a change", watch.next()).await;
    assert!(next().await.unwrap().unwrap().is_pending());
    let _worker = stage.start().await;
    assert!(next().await.unwrap().unwrap().is_running());
    stage.gates.open("gate");
    assert_eq!(next().await.unwrap().unwrap().outcome(), Some(OutcomeKind::Success));
    assert!(next().await.is_none());
}

#[tokio::test]
async fn a_watch_of_unknown_work_ends_at_once() {
    let stage = Stage::new().await;
    let mut watch = pin!(stage.workpool().watch(WorkId::<()>::new()));
    assert!(patiently("the end", watch.next()).await.is_none());
}

#[tokio::test]
async fn a_watch_of_a_pool_sees_its_numbers_change_until_it_is_removed() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let other = stage.another_process().await;
    let _worker = stage.start().await;
    workpool.create_pool(Pool::new("fresh")).await.unwrap();
    let mut watch = pin!(other.watch_pool("fresh"));
    let mut until = async |what: &str, like: &dyn Fn(&PoolStats) -> bool| loop {
        let Some(stats) = patiently(what, watch.next()).await else { return false };
        if like(&stats.unwrap()) {
            return true;
        }
    };
    assert!(until("the present state", &|s| s.running == 0 && s.backlog == 0).await);
    let id = gated::enqueue(workpool, "gate".into()).pool("fresh").await.unwrap();
    assert!(until("it runs", &|s| s.running == 1).await);
    workpool.pool("fresh").set_max_parallelism(3).await.unwrap();
    assert!(until("the new limit", &|s| s.max_parallelism == 3).await);
    stage.gates.open("gate");
    workpool.result(id).await.unwrap();
    assert!(until("it has ended", &|s| s.running == 0 && s.succeeded == 1).await);
    workpool.pool("fresh").remove().await.unwrap();
    assert!(!until("the end", &|_| false).await);
}
