//! Section 7: canceling the work of a whole pool.

use std::time::Duration;

use workpool::{OutcomeKind, WorkId};
use workpool_tests::Stage;

use crate::functions::{echo, end_of, ended, flaky, gated, let_workers_look};

const LATER: Duration = Duration::from_hours(1);

/// How many of these are canceled.
async fn canceled<T>(stage: &Stage, ids: &[WorkId<T>]) -> usize {
    let all = stage.workpool().status_batch(ids.iter().copied()).await.unwrap();
    let outcome = |status: &&Option<workpool::Status>| {
        status.as_ref().and_then(workpool::Status::outcome) == Some(OutcomeKind::Canceled)
    };
    all.iter().filter(outcome).count()
}

#[tokio::test]
async fn all_work_of_a_pool_is_canceled_and_counted() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let _worker = stage.start().await;
    let running = gated::enqueue(workpool, "gate".into()).await.unwrap();
    stage.gates.arrived("gate", 1).await;
    let texts = || (0..2500).map(|n| n.to_string());
    let waiting = gated::enqueue_batch(workpool, texts()).run_after(LATER);
    let waiting = waiting.await.unwrap();
    let elsewhere = echo::enqueue_batch(workpool, texts().take(3)).run_after(LATER).await.unwrap();
    let sum = workpool.pool("gated").cancel_all().run().await.unwrap();
    assert_eq!((sum.canceled, sum.requested), (2500, 1));
    assert_eq!(canceled(&stage, &waiting).await, 2500);
    assert_eq!(canceled(&stage, &elsewhere).await, 0);
    stage.gates.open("gate");
    assert_eq!(end_of(&stage, running).await.outcome, OutcomeKind::Success);
}

#[tokio::test]
async fn a_limit_takes_the_oldest_and_zero_takes_none() {
    let stage = Stage::new().await;
    let pool = stage.workpool().pool("echo");
    let texts = ["a", "b", "c", "d", "e"].map(String::from);
    let ids = echo::enqueue_batch(stage.workpool(), texts).await.unwrap();
    let sum = pool.cancel_all().limit(0).run().await.unwrap();
    assert_eq!((sum.canceled, sum.requested), (0, 0));
    assert_eq!(pool.cancel_all().limit(2).run().await.unwrap().canceled, 2);
    assert_eq!(canceled(&stage, &ids[..2]).await, 2);
    assert_eq!(canceled(&stage, &ids[2..]).await, 0);
    assert_eq!(pool.cancel_all().limit(99).run().await.unwrap().canceled, 3);
}

#[tokio::test]
async fn a_filter_leaves_other_functions_alone() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let one = echo::enqueue(workpool, "x".into()).await.unwrap();
    let two = flaky::enqueue(workpool, 0).pool("echo").await.unwrap();
    let name: String = stage.column("function", two).await;
    let sum = workpool.pool("echo").cancel_all().function(name).run().await.unwrap();
    assert_eq!(sum.canceled, 1);
    assert_eq!((canceled(&stage, &[one]).await, canceled(&stage, &[two]).await), (0, 1));
}

#[tokio::test]
async fn pending_only_does_not_tell_what_runs() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let _worker = stage.start().await;
    let running = gated::enqueue(workpool, "gate".into()).retry(true).await.unwrap();
    stage.gates.arrived("gate", 1).await;
    let waiting = gated::enqueue(workpool, "gate".into()).run_after(LATER).await.unwrap();
    let sum = workpool.pool("gated").cancel_all().pending_only().run().await.unwrap();
    assert_eq!((sum.canceled, sum.requested), (1, 0));
    assert!(!stage.column::<bool>("cancel_requested", running).await);
    assert_eq!(canceled(&stage, &[waiting]).await, 1);
    stage.gates.open("gate");
}

#[tokio::test]
async fn what_commits_later_is_not_touched() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let mut tx = workpool.db().begin().await.unwrap();
    let open = echo::enqueue(&workpool.within(&mut tx), "open".into()).await.unwrap();
    echo::enqueue(workpool, "before".into()).await.unwrap();
    let sum = workpool.pool("echo").cancel_all().run().await.unwrap();
    tx.commit().await.unwrap();
    let after = echo::enqueue(workpool, "after".into()).await.unwrap();
    assert_eq!(sum.canceled, 1);
    stage.drain().await.assert_nothing_left();
    assert_eq!(workpool.result(open).await.unwrap(), "open");
    assert_eq!(workpool.result(after).await.unwrap(), "after");
    assert_eq!(stage.witness.count("before"), 0);
}

#[tokio::test]
async fn completions_of_all_that_was_canceled_are_called() {
    let stage = Stage::new().await;
    let texts = (0..50).map(|n| n.to_string());
    let batch = echo::enqueue_batch(stage.workpool(), texts).on_complete::<ended>("x".into());
    batch.await.unwrap();
    stage.workpool().pool("echo").cancel_all().run().await.unwrap();
    stage.drain().await.assert_nothing_left();
    assert_eq!(stage.notes().await, ["x: canceled after 0"; 50]);
}

#[tokio::test]
async fn a_pool_that_does_not_exist_has_nothing_to_cancel() {
    let stage = Stage::new().await;
    let sum = stage.workpool().pool("nowhere").cancel_all().run().await.unwrap();
    assert_eq!((sum.canceled, sum.requested), (0, 0));
}

#[tokio::test]
async fn a_pool_is_canceled_while_its_workers_go_on() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let _worker = stage.start().await;
    let texts = (0..1000).map(|n| n.to_string());
    let ids = echo::enqueue_batch(workpool, texts).await.unwrap();
    stage.witness.until("5", 1).await;
    let sum = workpool.pool("echo").cancel_all().run().await.unwrap();
    for id in &ids {
        let _ = workpool.result(*id).await;
    }
    let_workers_look(&stage).await;
    assert_eq!(canceled(&stage, &ids).await as u64, sum.canceled);
    assert_eq!(stage.witness.seen().len() as u64, 1000 - sum.canceled);
}
