//! Section 5: which policy an action gets, frozen at enqueue, and the arithmetic of its delays.

use std::time::Duration;

use workpool::{ActionCtx, Pool, Retry, RetryPolicy, Status, WorkId, action};
use workpool_tests::{Stage, eventually};

use crate::functions::{end_of, flaky, note};

workpool::pool!(
    /// Retries its actions, seven attempts each.
    PATIENT = Pool::new("patient")
        .retry_actions_by_default(true)
        .default_retry(RetryPolicy::new().max_attempts(7).base(3.0))
);
workpool::pool!(
    /// Retries when asked to, six attempts each.
    STRICT = Pool::new("strict").default_retry(RetryPolicy::new().max_attempts(6))
);

#[action(pool = PATIENT)]
async fn unset(_ctx: &ActionCtx) -> anyhow::Result<()> {
    Ok(())
}

#[action(pool = PATIENT, retry = false)]
async fn off(_ctx: &ActionCtx) -> anyhow::Result<()> {
    Ok(())
}

#[action(pool = STRICT, retry)]
async fn on(_ctx: &ActionCtx) -> anyhow::Result<()> {
    Ok(())
}

#[action(
    pool = STRICT,
    retry(max_attempts = 3, initial_backoff = "10s", base = 1.5, max_backoff = "1m")
)]
async fn own(_ctx: &ActionCtx) -> anyhow::Result<()> {
    Ok(())
}

#[action(pool = "flaky", retry)]
async fn always_failing(ctx: &ActionCtx) -> anyhow::Result<()> {
    anyhow::bail!("attempt {}", ctx.attempt())
}

/// What a call may say.
const CALLS: [Option<Retry>; 4] = [
    None,
    Some(Retry::Off),
    Some(Retry::On),
    Some(Retry::Policy(RetryPolicy::new().max_attempts(2))),
];

macro_rules! attempts_by_call {
    ($stage:expr, $function:ident, $pool:expr) => {{
        let mut attempts = Vec::new();
        for call in CALLS {
            let mut enqueue = $function::enqueue($stage.workpool(), ()).pool($pool);
            if let Some(call) = call {
                enqueue = enqueue.retry(call);
            }
            let id = enqueue.await.unwrap();
            attempts.push($stage.column::<Option<i32>>("max_attempts", id).await);
        }
        attempts
    }};
}

#[tokio::test]
async fn the_call_wins_over_the_attribute_and_the_attribute_over_the_pool() {
    let stage = Stage::new().await;
    // Columns: the call says nothing, false, true, a policy of two attempts.
    let two = Some(2);
    let patient = attempts_by_call!(stage, unset, "patient");
    assert_eq!(patient, [Some(7), None, Some(7), two]);
    assert_eq!(attempts_by_call!(stage, unset, "strict"), [None, None, Some(6), two]);
    assert_eq!(attempts_by_call!(stage, off, "patient"), [None, None, Some(7), two]);
    assert_eq!(attempts_by_call!(stage, off, "strict"), [None, None, Some(6), two]);
    assert_eq!(attempts_by_call!(stage, on, "patient"), [Some(7), None, Some(7), two]);
    assert_eq!(attempts_by_call!(stage, on, "strict"), [Some(6), None, Some(6), two]);
    assert_eq!(attempts_by_call!(stage, own, "patient"), [Some(3), None, Some(7), two]);
    assert_eq!(attempts_by_call!(stage, own, "strict"), [Some(3), None, Some(6), two]);
}

/// The policy of a work item as it is stored.
async fn policy<T>(stage: &Stage, id: WorkId<T>) -> (i32, i64, f64, i64) {
    let (attempts, initial) = ("max_attempts", "initial_backoff_ms");
    (
        stage.column(attempts, id).await,
        stage.column(initial, id).await,
        stage.column("backoff_base", id).await,
        stage.column("max_backoff_ms", id).await,
    )
}

#[tokio::test]
async fn a_pool_that_says_nothing_has_five_attempts_from_a_quarter_second_doubling() {
    let stage = Stage::new().await;
    let id = always_failing::enqueue(stage.workpool(), ()).await.unwrap();
    assert_eq!(policy(&stage, id).await, (5, 250, 2.0, 3_600_000));
}

#[tokio::test]
async fn all_parts_of_a_policy_are_taken_from_the_same_place() {
    let stage = Stage::new().await;
    let id = own::enqueue(stage.workpool(), ()).await.unwrap();
    assert_eq!(policy(&stage, id).await, (3, 10_000, 1.5, 60_000));
    let id = own::enqueue(stage.workpool(), ()).retry(true).pool("patient").await.unwrap();
    assert_eq!(policy(&stage, id).await, (7, 250, 3.0, 3_600_000));
    let given = RetryPolicy::new().initial_backoff(Duration::from_millis(1)).base(1.0);
    let id = own::enqueue(stage.workpool(), ()).retry(given).await.unwrap();
    assert_eq!(policy(&stage, id).await, (5, 1, 1.0, 3_600_000));
}

#[tokio::test]
async fn the_policy_is_frozen_at_enqueue() {
    let stage = Stage::new().await;
    let id = unset::enqueue(stage.workpool(), ()).await.unwrap();
    stage.execute("UPDATE workpool.pools SET max_attempts = 1, initial_backoff_ms = 9").await;
    assert_eq!(policy(&stage, id).await, (7, 250, 3.0, 3_600_000));
}

#[tokio::test]
async fn mutations_are_not_retried_even_in_a_pool_that_retries_by_default() {
    let stage = Stage::new().await;
    let id = note::enqueue(stage.workpool(), "x".into()).pool("patient").await.unwrap();
    assert_eq!(stage.column::<Option<i32>>("max_attempts", id).await, None);
}

#[tokio::test]
async fn each_delay_is_the_initial_one_times_the_base_to_the_attempts_made_with_jitter() {
    let stage = Stage::new().await;
    let minute = Duration::from_mins(1);
    let policy = RetryPolicy::new().max_attempts(7).initial_backoff(minute);
    let id = always_failing::enqueue(stage.workpool(), ()).retry(policy).await.unwrap();
    // In seconds: the cap of an hour is reached by the last one's upper bound.
    let mut before = stage.clock().await;
    let _worker = stage.start().await;
    for (attempt, nominal) in [(1, 60), (2, 120), (3, 240), (4, 480), (5, 960), (6, 1920)] {
        eventually("it is in backoff", async || {
            let status = stage.workpool().status(id).await.unwrap().unwrap();
            status.is_pending() && status.previous_attempts() == attempt
        })
        .await;
        let after = stage.clock().await;
        let due: i64 = stage.column("(extract(epoch FROM run_at) * 1000000)::bigint", id).await;
        assert!(due - after <= nominal * 1_500_000, "attempt {attempt}");
        assert!(due - before >= nominal * 500_000, "attempt {attempt}");
        assert!(due - after <= 3_600_000_000, "never more than an hour");
        before = stage.clock().await;
        workpool::testing::advance(stage.workpool(), minute * 60).await.unwrap();
    }
    let end = end_of(&stage, id).await;
    assert_eq!(end.attempts, 7);
}

#[tokio::test]
async fn delays_of_many_items_are_spread_from_half_to_one_and_a_half() {
    let stage = Stage::new().await;
    let hour = Duration::from_hours(1);
    let policy = RetryPolicy::new().initial_backoff(hour).max_backoff(hour * 10);
    let batch = always_failing::enqueue_batch(stage.workpool(), [(); 200]).retry(policy);
    batch.await.unwrap();
    assert_eq!(stage.drain().await.left.len(), 100, "as many as are listed");
    let delay = "extract(epoch FROM run_at - started_at)::float8";
    let spread = format!("SELECT min({delay}), max({delay}) FROM workpool.work");
    let [(least, most)] = stage.rows::<(f64, f64)>(&spread).await[..] else { panic!("one row") };
    assert!((1800.0..2160.0).contains(&least), "{least}");
    // A little more: the delay is reckoned from the end of the attempt.
    assert!((5040.0..5430.0).contains(&most), "{most}");
}

#[tokio::test]
async fn a_backoff_of_silly_numbers_stays_within_its_cap() {
    let stage = Stage::new().await;
    let policy = RetryPolicy::new()
        .base(1e300)
        .initial_backoff(Duration::from_hours(24 * 3650))
        .max_backoff(Duration::from_mins(1));
    let id = always_failing::enqueue(stage.workpool(), ()).retry(policy).await.unwrap();
    let _ = stage.drain().await;
    let within: bool = stage.column("run_at <= statement_timestamp() + interval '60s'", id).await;
    assert!(within);
}

#[tokio::test]
async fn attempts_are_counted_until_one_succeeds_and_its_failures_stay_readable() {
    let stage = Stage::new().await;
    let policy = RetryPolicy::new().initial_backoff(Duration::ZERO);
    let id = flaky::enqueue(stage.workpool(), 2).retry(policy).await.unwrap();
    stage.drain().await.assert_nothing_left();
    assert_eq!(stage.workpool().result(id).await.unwrap(), 3);
    let end = end_of(&stage, id).await;
    assert_eq!(end.attempts, 3);
    let failures = end.failures.iter().map(|f| (f.attempt(), f.message())).collect::<Vec<_>>();
    assert_eq!(failures, [(1, "attempt 1 fails"), (2, "attempt 2 fails")]);
}

#[tokio::test]
async fn between_two_attempts_work_is_pending_and_shows_its_last_failure() {
    let stage = Stage::new().await;
    let policy = RetryPolicy::new().initial_backoff(Duration::from_hours(1));
    let id = flaky::enqueue(stage.workpool(), 1).retry(policy).await.unwrap();
    let left = stage.drain().await.left;
    assert!(left[0].why.contains("attempt 1 fails"), "{}", left[0]);
    match stage.workpool().status(id).await.unwrap() {
        Some(Status::Pending { previous_attempts: 1, last_failure: Some(failure), .. }) => {
            assert_eq!(failure.message(), "attempt 1 fails");
        }
        other => panic!("{other:?}"),
    }
}
