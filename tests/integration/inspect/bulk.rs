//! Steering many at once.

use std::time::Duration;

use workpool::Error;
use workpool::inspect::{WorkFilter, WorkState};
use workpool_tests::Stage;

use super::{all, ids};
use crate::functions::{echo, failing_at, gated};

const LATER: Duration = Duration::from_hours(1);

#[tokio::test]
async fn what_matches_is_canceled_and_nothing_else() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let _worker = stage.start().await;
    let texts = |items| (0..items).map(|n: u32| n.to_string());
    echo::enqueue_batch(workpool, texts(1200)).name("bad").run_after(LATER).await.unwrap();
    echo::enqueue_batch(workpool, texts(5)).name("good").run_after(LATER).await.unwrap();
    let running = gated::enqueue(workpool, "gate".into()).name("bad").await.unwrap();
    stage.gates.arrived("gate", 1).await;
    let inspector = workpool.inspect().acting_as("ada");
    let sum = inspector.cancel_matching(&WorkFilter::new().name("bad"), 9999).await.unwrap();
    assert_eq!((sum.canceled, sum.requested, sum.more), (1200, 1, false));
    assert_eq!(ids(&stage, WorkState::Scheduled).await.len(), 5);
    assert!(stage.column::<bool>("cancel_requested", running).await);
    let acts = inspector.audit(10).await.unwrap();
    assert!(acts.iter().all(|act| act.action == "cancel_matching" && act.target == "name bad"));
    stage.gates.open("gate");
}

#[tokio::test]
async fn a_limit_holds_and_says_that_there_are_more() {
    let stage = Stage::new().await;
    let texts = (0..20).map(|n| n.to_string());
    echo::enqueue_batch(stage.workpool(), texts).await.unwrap();
    let inspector = stage.workpool().inspect();
    let echo = WorkFilter::new().pool("echo");
    let sum = inspector.cancel_matching(&echo, 15).await.unwrap();
    assert_eq!((sum.canceled, sum.more), (15, true));
    let sum = inspector.cancel_matching(&echo, 15).await.unwrap();
    assert_eq!((sum.canceled, sum.more), (5, false));
}

#[tokio::test]
async fn all_failures_with_one_error_are_retried_once() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    for gate in ["red", "blue"] {
        stage.gates.open(gate);
        let gates = (0..700).map(|_| gate.to_owned());
        failing_at::enqueue_batch(workpool, gates).await.unwrap();
    }
    stage.drain().await.assert_nothing_left();
    let inspector = workpool.inspect();
    let red = WorkFilter::new().pool("flaky").error("at red");
    let sum = inspector.retry_matching(&red, 600).await.unwrap();
    assert_eq!((sum.retried, sum.already, sum.more), (600, 0, true));
    let sum = inspector.retry_matching(&red, 600).await.unwrap();
    assert_eq!((sum.retried, sum.already, sum.more), (100, 600, false));
    assert_eq!(stage.unfinished().await, 700);
    let filter = WorkFilter::new();
    let args = all(&inspector, &filter, 1).await.0[0].id;
    assert_eq!(inspector.show(args).await.unwrap().unwrap().args.as_deref(), Some("\"red\""));
}

#[tokio::test]
async fn filters_that_make_no_sense_are_refused() {
    let stage = Stage::new().await;
    let inspector = stage.workpool().inspect();
    let failed = WorkFilter::new().state(WorkState::Failed);
    let refused = inspector.cancel_matching(&failed, 1).await.unwrap_err();
    assert!(matches!(refused, Error::InvalidConfig { what: "filter", .. }), "{refused}");
    let due = WorkFilter::new().state(WorkState::Due);
    let refused = inspector.retry_matching(&due, 1).await.unwrap_err();
    assert!(matches!(refused, Error::InvalidConfig { what: "filter", .. }), "{refused}");
}

#[tokio::test]
async fn pruning_forgets_what_ended_long_ago_in_one_pool() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let texts = || (0..30).map(|n| n.to_string());
    echo::enqueue_batch(workpool, texts()).await.unwrap();
    stage.drain().await.assert_nothing_left();
    stage.execute("UPDATE workpool.finished SET finished_at = now() - interval '2 hours'").await;
    echo::enqueue_batch(workpool, texts()).await.unwrap();
    stage.gates.open("open");
    gated::enqueue(workpool, "open".into()).await.unwrap();
    stage.drain().await.assert_nothing_left();
    let inspector = workpool.inspect();
    assert_eq!(inspector.prune("echo", LATER, 20).await.unwrap(), 20);
    assert_eq!(inspector.prune("echo", LATER, 20).await.unwrap(), 10);
    assert_eq!(inspector.prune("echo", LATER, 20).await.unwrap(), 0);
    assert_eq!(stage.value::<i64>("SELECT count(*) FROM workpool.finished").await, 31);
    assert_eq!(inspector.audit(10).await.unwrap().len(), 2);
    assert_eq!(inspector.prune("echo", Duration::ZERO, 99).await.unwrap(), 30);
}
