//! Section 9, as far as it shows within one process: what a late attempt may not do, and how a
//! worker goes. Processes that die are for the simulation.

use std::time::Duration;

use workpool::{ActionCtx, FailureKind, MutationCtx, OutcomeKind, RetryPolicy, action, mutation};
use workpool_tests::{Gates, Stage, Witness, eventually, patiently};

use crate::functions::{echo, end_of, gated, read_clock, supersede, write};

#[action(pool = "fences")]
async fn asking_whether_it_is_current(ctx: &ActionCtx) -> workpool::Result<()> {
    ctx.state::<Gates>().pass("current").await;
    let current = ctx.is_current().await?;
    ctx.state::<Witness>().saw(format!("current {current}"));
    Ok(())
}

#[mutation(pool = "fences")]
async fn writing_late(ctx: &mut MutationCtx<'_>) -> workpool::Result<()> {
    write(ctx, "effect").await?;
    let gates = ctx.state::<Gates>().clone();
    gates.pass("late").await;
    ctx.state::<Witness>().saw("wrote");
    Ok(())
}

#[action(pool = "fences")]
async fn until_told(ctx: &ActionCtx) -> workpool::Result<u32> {
    ctx.state::<Witness>().saw("entered");
    if ctx.attempt() == 1 {
        ctx.canceled().await;
        ctx.state::<Witness>().saw("told");
        ctx.state::<Gates>().pass("late").await;
    }
    Ok(ctx.attempt())
}

#[tokio::test]
async fn the_end_of_a_superseded_attempt_is_refused() {
    let stage = Stage::new().await;
    let _worker = stage.start().await;
    let id = asking_whether_it_is_current::enqueue(stage.workpool(), ()).await.unwrap();
    stage.gates.arrived("current", 1).await;
    supersede(&stage, id).await;
    stage.gates.open("current");
    stage.witness.until("current false", 1).await;
    let marker = echo::enqueue(stage.workpool(), "marker".into()).pool("fences").await.unwrap();
    stage.workpool().result(marker).await.unwrap();
    assert_eq!(stage.workpool().status(id).await.unwrap().unwrap().outcome(), None);
}

#[tokio::test]
async fn the_effects_of_a_superseded_mutation_are_rolled_back() {
    let stage = Stage::new().await;
    let _worker = stage.start().await;
    let id = writing_late::enqueue(stage.workpool(), ()).await.unwrap();
    stage.gates.arrived("late", 1).await;
    supersede(&stage, id).await;
    stage.gates.open("late");
    stage.witness.until("wrote", 1).await;
    let marker = echo::enqueue(stage.workpool(), "marker".into()).pool("fences").await.unwrap();
    stage.workpool().result(marker).await.unwrap();
    assert!(stage.notes().await.is_empty());
    assert_eq!(stage.workpool().status(id).await.unwrap().unwrap().outcome(), None);
}

#[tokio::test]
async fn a_worker_that_was_declared_dead_tells_its_attempts_and_begins_anew() {
    let stage = Stage::new().await;
    let worker = stage.start().await;
    let first = worker.id();
    let policy = RetryPolicy::new().initial_backoff(Duration::ZERO);
    let id = until_told::enqueue(stage.workpool(), ()).retry(policy).await.unwrap();
    stage.witness.until("entered", 1).await;
    stage.execute("UPDATE workpool.workers SET dead = true").await;
    stage.witness.until("told", 1).await;
    stage.witness.until("entered", 2).await;
    assert_eq!(stage.workpool().result(id).await.unwrap(), 2);
    stage.gates.open("late");
    let end = end_of(&stage, id).await;
    assert_eq!((end.attempts, end.failures[0].kind()), (2, FailureKind::Lost));
    assert_ne!(worker.id(), first);
    eventually("it is healthy again", async || worker.is_healthy()).await;
}

#[tokio::test]
async fn a_worker_deleted_by_hand_begins_anew() {
    let stage = Stage::new().await;
    let worker = stage.start().await;
    let first = worker.id();
    stage.execute("DELETE FROM workpool.workers").await;
    eventually("it has another id", async || worker.id() != first).await;
    let id = echo::enqueue(stage.workpool(), "x".into()).await.unwrap();
    assert_eq!(stage.workpool().result(id).await.unwrap(), "x");
}

#[tokio::test]
async fn a_shutdown_lets_what_runs_end_with_heartbeats_going_on() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let other = stage.another_process().await;
    let lease = Duration::from_millis(500);
    let worker = stage.worker().heartbeat(lease / 5).lease(lease).start().await.unwrap();
    let running = gated::enqueue(workpool, "gate".into()).await.unwrap();
    stage.gates.arrived("gate", 1).await;
    let shutdown = tokio::spawn(worker.shutdown());
    let _survivor = stage.worker_of(&other).only_pools(["clock"]).start().await.unwrap();
    // Three leases go by, in which the survivor would recover a dead worker's work.
    let beacon = read_clock::enqueue(workpool, ()).run_after(lease * 3).await.unwrap();
    workpool.result(beacon).await.unwrap();
    let later = gated::enqueue(workpool, "gate".into()).await.unwrap();
    assert!(!shutdown.is_finished());
    stage.gates.open("gate");
    patiently("the shutdown", shutdown).await.unwrap();
    let end = end_of(&stage, running).await;
    assert_eq!((end.outcome, end.attempts), (OutcomeKind::Success, 1));
    let later = workpool.status(later).await.unwrap().unwrap();
    assert_eq!((later.is_pending(), later.previous_attempts()), (true, 0), "nothing new starts");
    assert_eq!(stage.value::<i64>("SELECT count(*) FROM workpool.workers").await, 1);
}

#[tokio::test]
async fn what_outlasts_the_grace_of_a_shutdown_is_handed_back_by_its_kind() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let grace = Duration::from_millis(50);
    let worker = stage.worker().shutdown_grace(grace).start().await.unwrap();
    let retryable = gated::enqueue(workpool, "gate".into()).retry(true).await.unwrap();
    let once = gated::enqueue(workpool, "gate".into()).await.unwrap();
    let mutation = writing_late::enqueue(workpool, ()).await.unwrap();
    stage.gates.arrived("gate", 2).await;
    stage.gates.arrived("late", 1).await;
    worker.shutdown().await;
    let retryable = workpool.status(retryable).await.unwrap().unwrap();
    assert_eq!((retryable.is_pending(), retryable.previous_attempts()), (true, 1));
    let end = end_of(&stage, once).await;
    assert_eq!((end.outcome, end.failures[0].kind()), (OutcomeKind::Failed, FailureKind::Lost));
    let status = workpool.status(mutation).await.unwrap().unwrap();
    assert_eq!((status.is_pending(), status.previous_attempts()), (true, 0));
    assert!(stage.notes().await.is_empty());
    stage.gates.open("late");
    let _worker = stage.start().await;
    workpool.result(mutation).await.unwrap();
    assert_eq!(stage.notes().await, ["effect"]);
}

#[tokio::test]
async fn a_worker_that_is_dropped_stops_by_itself() {
    let stage = Stage::new().await;
    let worker = stage.start().await;
    drop(worker);
    eventually("it has deregistered", async || {
        stage.value::<i64>("SELECT count(*) FROM workpool.workers").await == 0
    })
    .await;
    assert_eq!(stage.value::<i64>("SELECT count(*) FROM workpool.slots").await, 0);
}
