//! Section 5: what ends work at once, what overrides the backoff, and what is kept of failures.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use anyhow::Context;
use workpool::{
    ActionCtx, Error, Failure, FailureKind, OutcomeKind, ResultExt, RetryPolicy, action, mutation,
};
use workpool_tests::{Gates, Stage, eventually};

use crate::functions::{echo, end_of, flaky, write};

/// An error of the application around one of ours.
#[derive(Debug)]
struct Wrapped(Failure);

impl fmt::Display for Wrapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("wrapped")
    }
}

impl StdError for Wrapped {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.0)
    }
}

#[action(pool = "failing", retry)]
async fn plainly_non_retryable(_ctx: &ActionCtx) -> Result<(), Failure> {
    Err(Failure::non_retryable("no use"))
}

#[action(pool = "failing", retry)]
async fn non_retryable_bare(_ctx: &ActionCtx) -> anyhow::Result<()> {
    Err(Failure::non_retryable("no use"))?;
    Ok(())
}

#[action(pool = "failing", retry)]
async fn non_retryable_in_context(_ctx: &ActionCtx) -> anyhow::Result<()> {
    Err(Failure::non_retryable("no use")).context("while trying").context("at work")
}

#[action(pool = "failing", retry)]
async fn non_retryable_by_extension(_ctx: &ActionCtx) -> anyhow::Result<()> {
    "seven".parse::<u32>().non_retryable().context("while reading")?;
    Ok(())
}

#[action(pool = "failing", retry)]
async fn non_retryable_as_a_source(_ctx: &ActionCtx) -> Result<(), Wrapped> {
    Err(Wrapped(Failure::non_retryable("no use")))
}

#[action(pool = "failing", retry)]
async fn later(_ctx: &ActionCtx, hours: u64) -> anyhow::Result<()> {
    let delay = Duration::from_secs(3600 * hours);
    Err(anyhow::anyhow!("busy")).retry_after(delay).context("while knocking")
}

#[action(pool = "failing")]
async fn panicking(_ctx: &ActionCtx, how: u32) -> Result<(), String> {
    match how {
        0 => panic!("plain words"),
        1 => panic!("with the number {how}"),
        2 => std::panic::panic_any(how),
        _ => Err("only an error".into()),
    }
}

#[action(pool = "failing", timeout = "30ms", retry(max_attempts = 2, initial_backoff = "0s"))]
async fn slow(ctx: &ActionCtx) -> workpool::Result<()> {
    ctx.state::<Gates>().pass("never").await;
    Ok(())
}

#[mutation(pool = "failing", timeout = "30ms")]
async fn slow_mutation(ctx: &mut workpool::MutationCtx<'_>) -> workpool::Result<()> {
    write(ctx, "half").await?;
    let gates = ctx.state::<Gates>().clone();
    gates.pass("never").await;
    Ok(())
}

#[mutation(pool = "failing", timeout = "500ms")]
async fn waits_for_a_lock(ctx: &mut workpool::MutationCtx<'_>) -> workpool::Result<()> {
    write(ctx, "half").await?;
    workpool::sqlx::query("LOCK TABLE held").execute(ctx.db()).await?;
    Ok(())
}

#[action(pool = "failing")]
async fn with_causes(_ctx: &ActionCtx) -> anyhow::Result<()> {
    Err(anyhow::anyhow!("root").context("middle").context("top"))
}

#[tokio::test]
async fn a_non_retryable_failure_ends_the_work_at_once_however_it_is_wrapped() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let ids = [
        (plainly_non_retryable::enqueue(workpool, ()).await.unwrap(), "no use"),
        (non_retryable_bare::enqueue(workpool, ()).await.unwrap(), "no use"),
        (non_retryable_in_context::enqueue(workpool, ()).await.unwrap(), "at work"),
        (non_retryable_by_extension::enqueue(workpool, ()).await.unwrap(), "while reading"),
        (non_retryable_as_a_source::enqueue(workpool, ()).await.unwrap(), "wrapped"),
    ];
    stage.drain().await.assert_nothing_left();
    for (id, message) in ids {
        let end = end_of(&stage, id).await;
        assert_eq!((end.outcome, end.attempts), (OutcomeKind::Failed, 1));
        assert_eq!(end.failures[0].kind(), FailureKind::NonRetryable);
        assert_eq!(end.failures[0].message(), message);
    }
}

#[tokio::test]
async fn a_failure_may_say_itself_when_to_try_again() {
    let stage = Stage::new().await;
    let id = later::enqueue(stage.workpool(), 48).await.unwrap();
    let _ = stage.drain().await;
    let delay = "extract(epoch FROM run_at - started_at)::float8";
    let delay: f64 = stage.column(delay, id).await;
    assert!((0.0..60.0).contains(&(delay - 48.0 * 3600.0)), "{delay}");
}

#[tokio::test]
async fn a_wait_of_centuries_that_a_failure_asks_for_does_not_stop_anything() {
    let stage = Stage::new().await;
    let id = later::enqueue(stage.workpool(), u64::MAX / 3600).await.unwrap();
    let _ = stage.drain().await;
    let status = stage.workpool().status(id).await.unwrap().unwrap();
    assert_eq!(status.previous_attempts(), 1);
    let id = echo::enqueue(stage.workpool(), "x".into()).await.unwrap();
    let _ = stage.drain().await;
    assert_eq!(stage.workpool().result(id).await.unwrap(), "x");
}

#[tokio::test]
async fn arguments_that_cannot_be_decoded_end_the_work_at_once() {
    let stage = Stage::new().await;
    let id = flaky::enqueue(stage.workpool(), 0).retry(true).await.unwrap();
    stage.execute(r#"UPDATE workpool.work SET args = '{"not": "a number"}'"#).await;
    stage.drain().await.assert_nothing_left();
    let end = end_of(&stage, id).await;
    assert_eq!((end.outcome, end.attempts), (OutcomeKind::Failed, 1));
    assert_eq!(end.failures[0].kind(), FailureKind::Undecodable);
    assert!(end.failures[0].message().contains("u32"), "{}", end.failures[0]);
}

#[tokio::test]
async fn a_panic_is_a_failed_attempt_with_its_text() {
    let stage = Stage::new().await;
    let once = RetryPolicy::new().max_attempts(2).initial_backoff(Duration::ZERO);
    let expected = [
        (FailureKind::Panic, "panicked: plain words"),
        (FailureKind::Panic, "panicked: with the number 1"),
        (FailureKind::Panic, "panicked: (no text)"),
        (FailureKind::Error, "only an error"),
    ];
    let ids = panicking::enqueue_batch(stage.workpool(), 0..4).retry(once).await.unwrap();
    stage.drain().await.assert_nothing_left();
    for (id, expected) in ids.into_iter().zip(expected) {
        let end = end_of(&stage, id).await;
        let failures: Vec<_> = end.failures.iter().map(|f| (f.kind(), f.message())).collect();
        assert_eq!(failures, [expected; 2]);
    }
}

#[tokio::test]
async fn an_attempt_that_takes_longer_than_its_timeout_is_dropped_and_failed() {
    let stage = Stage::new().await;
    let id = slow::enqueue(stage.workpool(), ()).await.unwrap();
    stage.drain().await.assert_nothing_left();
    let kinds = end_of(&stage, id).await.failures;
    assert_eq!(kinds.iter().map(Failure::kind).collect::<Vec<_>>(), [FailureKind::Timeout; 2]);
}

#[tokio::test]
async fn a_mutation_that_takes_longer_than_its_timeout_is_rolled_back_and_failed() {
    let stage = Stage::new().await;
    let id = slow_mutation::enqueue(stage.workpool(), ()).await.unwrap();
    stage.drain().await.assert_nothing_left();
    let end = end_of(&stage, id).await;
    assert_eq!(end.failures[0].kind(), FailureKind::Timeout);
    assert!(stage.notes().await.is_empty());
}

#[tokio::test]
async fn the_server_ends_what_a_mutation_was_dropped_in_the_midst_of() {
    const LEFT: &str =
        "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'held'::regclass";
    let stage = Stage::new().await;
    stage.execute("CREATE TABLE held ()").await;
    let mut holder = stage.workpool().db().begin().await.unwrap();
    workpool::sqlx::query("LOCK TABLE held").execute(&mut *holder).await.unwrap();
    let worker = stage.start().await;
    let id = waits_for_a_lock::enqueue(stage.workpool(), ()).await.unwrap();
    eventually("it waits for the lock", async || stage.value::<i64>(LEFT).await > 0).await;
    assert_eq!(end_of(&stage, id).await.failures[0].kind(), FailureKind::Timeout);
    eventually("nobody waits for it", async || stage.value::<i64>(LEFT).await == 0).await;
    holder.rollback().await.unwrap();
    worker.shutdown().await;
}

#[tokio::test]
async fn the_last_ten_failures_are_kept() {
    let stage = Stage::new().await;
    let policy = RetryPolicy::new().max_attempts(13).initial_backoff(Duration::ZERO);
    let id = flaky::enqueue(stage.workpool(), 99).retry(policy).await.unwrap();
    stage.drain().await.assert_nothing_left();
    let end = end_of(&stage, id).await;
    assert_eq!(end.attempts, 13);
    let kept: Vec<_> = end.failures.iter().map(Failure::attempt).collect();
    assert_eq!(kept, (4..=13).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_failure_keeps_its_message_and_the_chain_of_its_sources() {
    let stage = Stage::new().await;
    let id = with_causes::enqueue(stage.workpool(), ()).await.unwrap();
    stage.drain().await.assert_nothing_left();
    let Err(Error::WorkFailed(failure)) = stage.workpool().result(id).await else {
        panic!("it did not fail")
    };
    assert_eq!(failure.message(), "top");
    assert_eq!(failure.sources(), ["middle", "root"]);
    assert_eq!(failure.attempt(), 1);
}
