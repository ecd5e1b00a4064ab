//! The tools for tests of programs that use this crate.

use std::time::Duration;

use workpool::testing::{DrainError, advance, assert_enqueued, enqueued};
use workpool::{Completion, Error, MutationCtx, RetryPolicy, on_complete};
use workpool_tests::{Stage, Witness};

use crate::functions::{echo, ended, flaky, note};

const HOUR: Duration = Duration::from_hours(1);

/// The text of a panic in a task.
async fn panic_of<F: Future<Output: Send + 'static> + Send + 'static>(body: F) -> String {
    let panic = match tokio::spawn(body).await {
        Ok(_) => panic!("it did not panic"),
        Err(error) => error.into_panic(),
    };
    panic.downcast_ref::<String>().unwrap().clone()
}

#[tokio::test]
async fn a_drain_runs_what_is_due_with_its_completions_and_lists_the_rest() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let policy = RetryPolicy::new().initial_backoff(HOUR);
    echo::enqueue(workpool, "now".into()).on_complete::<ended>("x".into()).await.unwrap();
    let later = note::enqueue(workpool, "later".into()).run_after(HOUR * 9).name("a note");
    let later = later.await.unwrap();
    let retried = flaky::enqueue(workpool, 1).retry(policy).await.unwrap();
    let drained = stage.drain().await;
    assert_eq!(stage.notes().await, ["x: success \"now\" after 1"]);
    let [backoff, scheduled] = &drained.left[..] else { panic!("{drained}") };
    assert_eq!((backoff.id, backoff.attempts), (retried.uuid(), 1));
    assert_eq!((scheduled.id, scheduled.attempts), (later.uuid(), 0));
    assert_eq!((&*scheduled.pool, scheduled.name.as_deref()), ("notes", Some("a note")));
    assert_eq!((&*scheduled.args, &*scheduled.why), ("\"later\"", "scheduled"));
    let panic = panic_of(async move { drained.assert_nothing_left() }).await;
    assert!(panic.contains("functions::note") && panic.contains("attempt 1 fails"), "{panic}");
}

/// Longer than due work may stand still.
#[on_complete(context = String)]
async fn told_slowly(
    ctx: &mut MutationCtx<'_>,
    done: Completion<String, String>,
) -> workpool::Result<()> {
    tokio::time::sleep(Duration::from_millis(3500)).await;
    ctx.state::<Witness>().saw(&done.context);
    Ok(())
}

#[tokio::test]
async fn a_drain_waits_for_a_callback_that_takes_long() {
    let stage = Stage::new().await;
    let item = echo::enqueue(stage.workpool(), "x".into());
    item.on_complete::<told_slowly>("told".into()).await.unwrap();
    stage.drain().await.assert_nothing_left();
    assert_eq!(stage.witness.count("told"), 1);
}

#[tokio::test]
async fn a_drain_of_nothing_ends() {
    let stage = Stage::new().await;
    stage.drain().await.assert_nothing_left();
}

#[tokio::test]
async fn a_drain_that_stands_still_says_why() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    workpool.pool("echo").pause().await.unwrap();
    workpool.pool("notes").set_max_parallelism(0).await.unwrap();
    echo::enqueue(workpool, "x".into()).await.unwrap();
    note::enqueue(workpool, "x".into()).await.unwrap();
    flaky::enqueue(workpool, 0).await.unwrap();
    stage.execute("UPDATE workpool.work SET function = 'gone' WHERE pool = 'flaky'").await;
    match stage.worker().drain().await {
        Err(error @ DrainError::Stuck(_)) => {
            let text = error.to_string();
            for why in ["its pool is paused", "max_parallelism 0", "no worker runs it"] {
                assert!(text.contains(why), "{text}");
            }
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_was_enqueued_can_be_looked_at() {
    let stage = Stage::new().await;
    let workpool = stage.workpool().clone();
    note::enqueue(&workpool, "second".into()).run_after(HOUR).await.unwrap();
    note::enqueue(&workpool, "first".into()).await.unwrap();
    echo::enqueue(&workpool, "else".into()).await.unwrap();
    assert_eq!(enqueued::<note>(&workpool).await.unwrap(), ["first", "second"]);
    assert_enqueued::<note>(&workpool, |text| text == "second").await;
    let missed = {
        let workpool = workpool.clone();
        async move { assert_enqueued::<note>(&workpool, |text| text == "third").await }
    };
    let panic = panic_of(missed).await;
    assert!(panic.contains("functions::note") && panic.contains(r#""first", "second""#), "{panic}");
    stage.execute("UPDATE workpool.work SET args = '7'").await;
    let undecodable = enqueued::<note>(&workpool).await;
    assert!(matches!(undecodable, Err(Error::Undecodable { what: "arguments", .. })));
}

#[tokio::test]
async fn time_can_be_let_pass_for_what_waits() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    note::enqueue(workpool, "an hour".into()).run_after(HOUR).await.unwrap();
    note::enqueue(workpool, "two hours".into()).run_after(HOUR * 2).await.unwrap();
    advance(workpool, HOUR).await.unwrap();
    assert_eq!(stage.drain().await.left.len(), 1);
    assert_eq!(stage.notes().await, ["an hour"]);
    advance(workpool, HOUR).await.unwrap();
    stage.drain().await.assert_nothing_left();
    assert_eq!(stage.notes().await, ["an hour", "two hours"]);
}

#[tokio::test]
async fn time_that_passes_wakes_a_worker_that_runs() {
    let stage = Stage::new().await;
    let _worker = stage.start().await;
    let id = echo::enqueue(stage.workpool(), "x".into()).run_after(HOUR).await.unwrap();
    advance(stage.workpool(), HOUR * 2).await.unwrap();
    assert_eq!(stage.workpool().result(id).await.unwrap(), "x");
}
