//! Section 6: completions, recorded with the end of the work and called once in effect.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use workpool::{
    ActionCtx, Completion, Failure, MutationCtx, Outcome, OutcomeKind, RetryPolicy, Status, action,
    on_complete,
};
use workpool_tests::{Gates, Stage, Witness, eventually, patiently};

use crate::functions::{echo, end_of, ended, flaky, gated, note, write};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Receipt {
    number: u64,
    lines: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Order {
    user: Option<String>,
    price: f64,
}

/// Answers, fails or waits for its cancel, as the receipt's number says.
#[action(pool = "orders")]
async fn order(ctx: &ActionCtx, receipt: Receipt) -> anyhow::Result<Receipt> {
    anyhow::ensure!(receipt.number > 0 && ctx.attempt() > 1, "attempt {}", ctx.attempt());
    Ok(receipt)
}

/// Sees the types of the work.
#[on_complete(context = Order)]
async fn ordered(
    ctx: &mut MutationCtx<'_>,
    done: Completion<Order, Receipt>,
) -> workpool::Result<()> {
    let Completion { work_id, context, outcome, attempts, .. } = done;
    assert_eq!(ctx.work_id(), work_id.uuid());
    ctx.state::<Witness>().saw(format!("{context:?}"));
    let how = match outcome {
        Outcome::Success(receipt) => format!("success {receipt:?}"),
        Outcome::Failed(failure) => format!("failed {failure} of {}", failure.attempt()),
        Outcome::Canceled => "canceled".into(),
    };
    write(ctx, &format!("{how} after {attempts}")).await?;
    Ok(())
}

/// Enqueues further work with what it was told.
#[on_complete(context = String)]
async fn and_then(
    ctx: &mut MutationCtx<'_>,
    done: Completion<String, String>,
) -> anyhow::Result<()> {
    let Outcome::Success(text) = done.outcome else { anyhow::bail!("it failed") };
    note::enqueue(ctx, format!("{} {text}", done.context)).await?;
    Ok(())
}

/// Fails until the table `mended` exists.
#[on_complete(context = u32)]
async fn broken(ctx: &mut MutationCtx<'_>, done: Completion<u32, String>) -> anyhow::Result<()> {
    ctx.state::<Witness>().saw("called");
    write(ctx, &format!("{} after {}", done.context, done.attempts)).await?;
    sqlx::query("SELECT FROM mended").execute(ctx.db()).await?;
    Ok(())
}

#[on_complete(context = u32)]
async fn hopeless(_ctx: &mut MutationCtx<'_>, done: Completion<u32, String>) -> anyhow::Result<()> {
    match done.context {
        0 => Err(Failure::non_retryable("hopeless"))?,
        _ => panic!("hopeless"),
    }
    Ok(())
}

/// Meets a conflict three times.
#[on_complete]
async fn conflicted(ctx: &mut MutationCtx<'_>, _: Completion<(), String>) -> sqlx::Result<()> {
    ctx.state::<Witness>().saw("called");
    if ctx.state::<Witness>().count("called") <= 3 {
        let raise = "DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '40P01'; END $$";
        sqlx::raw_sql(raise).execute(ctx.db()).await?;
    }
    write(ctx, &format!("attempt {}", ctx.attempt())).await
}

#[on_complete(context = String)]
async fn waiting(ctx: &mut MutationCtx<'_>, done: Completion<String, String>) -> sqlx::Result<()> {
    let gates = ctx.state::<Gates>().clone();
    let _inside = ctx.state::<Witness>().enter("callbacks");
    gates.pass(&done.context).await;
    write(ctx, &done.context).await
}

fn at_once() -> RetryPolicy {
    RetryPolicy::new().max_attempts(2).initial_backoff(Duration::ZERO)
}

/// What was noted, in alphabetical order.
async fn sorted_notes(stage: &Stage) -> Vec<String> {
    let mut notes = stage.notes().await;
    notes.sort();
    notes
}

#[tokio::test]
async fn a_completion_has_the_types_of_its_work_for_each_outcome() {
    let stage = Stage::new().await;
    let context = Order { user: Some("Ada".into()), price: 0.1 };
    let receipt = |number| Receipt { number, lines: vec!["tea".into()] };
    let order = |number| {
        let order = order::enqueue(stage.workpool(), receipt(number)).retry(at_once());
        order.on_complete::<ordered>(context.clone())
    };
    order(7).await.unwrap();
    order(0).await.unwrap();
    stage.workpool().cancel(order(1).await.unwrap()).await.unwrap();
    stage.drain().await.assert_nothing_left();
    let success = format!("success {:?} after 2", receipt(7));
    let expected = ["canceled after 0", "failed attempt 2 of 2 after 2", &*success];
    assert_eq!(sorted_notes(&stage).await, expected);
    assert_eq!(stage.witness.count(&format!("{context:?}")), 3);
}

#[tokio::test]
async fn a_completion_of_any_value_completes_work_of_any_type() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    echo::enqueue(workpool, "x".into()).on_complete::<ended>("echo".into()).await.unwrap();
    flaky::enqueue(workpool, 0).on_complete::<ended>("flaky".into()).await.unwrap();
    gated::enqueue(workpool, "gate".into()).on_complete::<ended>("gated".into()).await.unwrap();
    stage.gates.open("gate");
    stage.drain().await.assert_nothing_left();
    let expected =
        ["echo: success \"x\" after 1", "flaky: success 1 after 1", "gated: success null after 1"];
    assert_eq!(sorted_notes(&stage).await, expected);
}

#[tokio::test]
async fn a_completion_may_be_limited_to_some_outcomes() {
    let stage = Stage::new().await;
    let only = [OutcomeKind::Failed, OutcomeKind::Canceled];
    let flaky = |failures| {
        let flaky = flaky::enqueue(stage.workpool(), failures).on_complete::<ended>("x".into());
        flaky.only_on(only)
    };
    flaky(0).await.unwrap();
    flaky(1).await.unwrap();
    stage.workpool().cancel(flaky(0).await.unwrap()).await.unwrap();
    stage.drain().await.assert_nothing_left();
    let expected = ["x: canceled after 0", "x: failed attempt 1 fails after 1"];
    assert_eq!(sorted_notes(&stage).await, expected);
}

#[tokio::test]
async fn a_completion_is_recorded_in_the_transaction_that_ends_the_work() {
    let stage = Stage::new().await;
    let same = "SELECT c.xmin = f.xmin FROM workpool.callbacks c, workpool.finished f";
    let echo = echo::enqueue(stage.workpool(), "x".into()).on_complete::<waiting>("gate".into());
    let id = echo.await.unwrap();
    stage.workpool().cancel(id).await.unwrap();
    assert!(stage.value::<bool>(same).await, "of a cancel");
    stage.gates.open("gate");
    stage.drain().await.assert_nothing_left();
    stage.execute("DELETE FROM workpool.finished").await;

    let _worker = stage.start().await;
    let echo = echo::enqueue(stage.workpool(), "x".into()).on_complete::<waiting>("held".into());
    echo.await.unwrap();
    stage.gates.arrived("held", 1).await;
    assert!(stage.value::<bool>(same).await, "of an attempt");
    stage.gates.open("held");
}

#[tokio::test]
async fn a_completion_enqueues_further_work_with_its_effects() {
    let stage = Stage::new().await;
    let echo = echo::enqueue(stage.workpool(), "world".into());
    echo.on_complete::<and_then>("hello".into()).await.unwrap();
    stage.drain().await.assert_nothing_left();
    assert_eq!(stage.notes().await, ["hello world"]);
}

#[tokio::test]
async fn a_failing_completion_is_tried_with_backoff_then_parked_and_can_be_replayed() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let _worker = stage.start().await;
    let echo = echo::enqueue(workpool, "x".into()).on_complete::<broken>(7);
    let id = echo.await.unwrap();
    assert_eq!(workpool.result(id).await.unwrap(), "x");
    eventually("the callback is parked", async || {
        workpool::testing::advance(workpool, Duration::from_mins(15)).await.unwrap();
        !workpool.parked_callbacks(10).await.unwrap().is_empty()
    })
    .await;
    let [parked] = &workpool.parked_callbacks(10).await.unwrap()[..] else { panic!("one") };
    assert_eq!((parked.work_id, parked.outcome), (id.uuid(), OutcomeKind::Success));
    assert_eq!((&*parked.context, &*parked.pool), ("7", "echo"));
    assert!(parked.failure.message().contains("mended"), "{}", parked.failure);
    assert!(parked.callback.ends_with("broken"), "{}", parked.callback);
    assert!(parked.attempts > 5);
    assert_eq!(stage.witness.count("called"), parked.attempts as usize);
    assert!(stage.notes().await.is_empty(), "each time rolled back");
    assert_eq!(end_of(&stage, id).await.outcome, OutcomeKind::Success, "the outcome stands");

    stage.execute("CREATE TABLE mended ()").await;
    assert_eq!(workpool.replay_callbacks([id.uuid()]).await.unwrap(), 1);
    eventually("it is done", async || stage.notes().await == ["7 after 1"]).await;
    assert!(workpool.parked_callbacks(10).await.unwrap().is_empty());
    assert_eq!(workpool.replay_callbacks([id.uuid()]).await.unwrap(), 0);
}

#[tokio::test]
async fn a_completion_that_fails_for_good_is_parked_at_once() {
    let stage = Stage::new().await;
    let echo = echo::enqueue(stage.workpool(), "x".into()).on_complete::<hopeless>(0);
    echo.await.unwrap();
    let echo = echo::enqueue(stage.workpool(), "x".into()).on_complete::<broken>(1);
    let undecodable = echo.await.unwrap();
    let unreadable = r#"UPDATE workpool.work SET context = '"what?"' WHERE context::text = '1'"#;
    stage.execute(unreadable).await;
    stage.drain().await.assert_nothing_left();
    let parked = stage.workpool().parked_callbacks(10).await.unwrap();
    let attempts: Vec<_> = parked.iter().map(|parked| parked.attempts).collect();
    assert_eq!(attempts, [1, 1]);
    assert_eq!(end_of(&stage, undecodable).await.outcome, OutcomeKind::Success);
    assert_eq!(stage.workpool().parked_callbacks(1).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_panic_of_a_completion_is_one_failed_try() {
    let stage = Stage::new().await;
    let echo = echo::enqueue(stage.workpool(), "x".into()).on_complete::<hopeless>(1);
    echo.await.unwrap();
    let _ = stage.drain().await;
    let error: String = stage.value("SELECT error ->> 'message' FROM workpool.callbacks").await;
    assert_eq!(error, "panicked: hopeless");
    assert!(stage.workpool().parked_callbacks(10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_conflict_runs_a_completion_again_within_its_try() {
    let stage = Stage::new().await;
    let echo = echo::enqueue(stage.workpool(), "x".into()).on_complete::<conflicted>(());
    echo.await.unwrap();
    stage.drain().await.assert_nothing_left();
    assert_eq!(stage.notes().await, ["attempt 1"]);
}

#[tokio::test]
async fn the_worker_that_finished_the_work_runs_its_completion_at_once() {
    let stage = Stage::new().await;
    // Were it left to polling, it would take a minute.
    let worker = stage.workpool().worker().poll_interval(Duration::from_mins(1));
    let worker = worker.state(stage.gates.clone()).state(stage.witness.clone());
    let _worker = worker.start().await.unwrap();
    for text in ["first", "second"] {
        let echo = echo::enqueue(stage.workpool(), text.into());
        echo.on_complete::<waiting>(text.into()).await.unwrap();
        stage.gates.arrived(text, 1).await;
        stage.gates.open(text);
    }
}

#[tokio::test]
async fn completions_have_a_limit_of_their_own_and_hold_no_slot_of_the_pool() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let _worker = stage.worker().callback_parallelism(2).start().await.unwrap();
    workpool.pool("echo").set_max_parallelism(1).await.unwrap();
    for _ in 0..5 {
        let echo = echo::enqueue(workpool, "x".into()).on_complete::<waiting>("gate".into());
        workpool.result(echo.await.unwrap()).await.unwrap();
    }
    stage.gates.arrived("gate", 2).await;
    let id = echo::enqueue(workpool, "further".into()).await.unwrap();
    patiently("the pool goes on", workpool.result(id)).await.unwrap();
    stage.gates.open("gate");
    eventually("all have run", async || stage.notes().await.len() == 5).await;
    assert_eq!(stage.witness.most_at_once("callbacks"), 2);
}

#[tokio::test]
async fn each_completion_takes_effect_once_however_many_workers_there_are() {
    let stage = Stage::new().await;
    let other = stage.another_process().await;
    let _workers = (stage.start().await, stage.worker_of(&other).start().await.unwrap());
    let texts = (0..200).map(|n| n.to_string());
    let batch = echo::enqueue_batch(stage.workpool(), texts).on_complete::<ended>("done".into());
    batch.await.unwrap();
    eventually("all are called", async || {
        // In this order: what ends after the first look has its callback before the second.
        stage.unfinished().await == 0
            && stage.value::<i64>("SELECT count(*) FROM workpool.callbacks").await == 0
    })
    .await;
    let sql = "SELECT count(*), count(DISTINCT text) FROM notes";
    assert_eq!(stage.rows::<(i64, i64)>(sql).await, [(200, 200)]);
}

#[tokio::test]
async fn completions_run_while_the_pool_is_paused() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let _worker = stage.start().await;
    let gated = gated::enqueue(workpool, "gate".into()).on_complete::<ended>("gated".into());
    let id = gated.await.unwrap();
    stage.gates.arrived("gate", 1).await;
    workpool.pool("gated").pause().await.unwrap();
    assert!(matches!(workpool.status(id).await.unwrap(), Some(Status::Running { .. })));
    stage.gates.open("gate");
    eventually("it is called", async || stage.notes().await.len() == 1).await;
    assert_eq!(stage.notes().await, ["gated: success null after 1"]);
}
