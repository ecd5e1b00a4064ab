//! Answers that never come, on connections that stay open: nothing of the network says so.

use std::time::Duration;

use workpool_tests::{Fault, Loses};

use super::loans::once_lent;
use crate::audit::{self, Kind};
use crate::functions::How;
use crate::line::Line;
use crate::load::{enqueue_one, enqueue_plain};
use crate::world::{eventually, within};

/// Makes an operation of the loops give up after five seconds.
const LEASE: Duration = Duration::from_secs(2);
/// That, and a busy machine.
const GIVEN_UP: Duration = Duration::from_secs(20);

/// One answer is never given, and all goes on without it.
async fn goes_on_without(fault: impl Fn(&Line) -> Fault, kind: Kind) {
    let line = Line::new().await;
    let worker = line.worker_with(LEASE).await;
    line.proxy.arm(fault(&line));
    let item = enqueue_one(line.world.workpool(), kind, How::Takes(1)).await;
    line.struck().await;
    line.world.quiet(GIVEN_UP).await;
    let findings = audit::check(&line.world, &[item]).await;
    assert_eq!(findings.succeeded, 1);
    worker.shutdown().await;
    audit::nobody_is_left(&line.world).await;
}

#[tokio::test]
async fn a_claim_without_an_answer_holds_up_nobody_for_ever() {
    goes_on_without(|line| line.loses(Loses::Time, "claim_pool").with_rows(), Kind::Again).await;
}

#[tokio::test]
async fn an_end_without_an_answer_is_written_again() {
    goes_on_without(
        |line| line.loses(Loses::Time, "succeed_and_call").of("workpool ends"),
        Kind::Once,
    )
    .await;
}

#[tokio::test]
async fn a_commit_without_an_answer_is_looked_up() {
    let fault = |_: &Line| Fault::new(Loses::Time, "COMMIT").of("workpool mutations");
    goes_on_without(fault, Kind::Book).await;
}

#[tokio::test]
async fn a_callback_whose_commit_gets_no_answer_is_looked_up() {
    let fault = |_: &Line| Fault::new(Loses::Time, "COMMIT").of("workpool callbacks");
    goes_on_without(fault, Kind::Again).await;
}

#[tokio::test]
async fn what_a_claim_took_whose_answer_comes_after_the_shutdown_is_not_entered_there() {
    let line = Line::new().await;
    let worker = line.worker().await;
    line.proxy.arm(line.loses(Loses::Time, "claim_pool").with_rows());
    let item = enqueue_one(line.world.workpool(), Kind::Once, How::Takes(1)).await;
    line.struck().await;
    worker.shutdown().await;
    assert_eq!(
        line.world.count("SELECT count(*) FROM workpool.work WHERE worker IS NULL").await,
        1
    );
    line.proxy.let_go();
    let other = line.world.worker_here().start().await.unwrap();
    line.world.quiet(GIVEN_UP).await;
    assert_eq!(line.attempts(&item), [1], "by the other one");
    other.shutdown().await;
    assert_eq!(audit::check(&line.world, &[item]).await.succeeded, 1);
    audit::nobody_is_left(&line.world).await;
}

#[tokio::test]
async fn whoever_enqueues_where_a_worker_was_cut_off_wakes_others() {
    const ASLEEP: &str = "SELECT count(*) FROM workpool.slots WHERE asleep";
    let line = Line::new().await;
    let worker = line.worker().await;
    // It is ready for more, then.
    once_lent(&line.world, &line.far).await;
    line.world.quiet(GIVEN_UP).await;
    line.proxy.arm(line.loses(Loses::Time, "claim_pool").with_rows());
    enqueue_plain(line.world.workpool(), Kind::Again, How::Takes(0)).await;
    line.struck().await;
    worker.shutdown().await;
    line.proxy.let_go();
    // It finds nothing in time by polling.
    let other = line.world.worker_here().poll_interval(Duration::from_mins(5));
    let other = other.start().await.unwrap();
    line.world.quiet(GIVEN_UP).await;
    eventually("the other one sleeps", async || line.world.count(ASLEEP).await == 1).await;
    for _ in 0..3 {
        enqueue_plain(&line.far, Kind::Again, How::Takes(0)).await;
        line.world.quiet(GIVEN_UP).await;
    }
    other.shutdown().await;
}

#[tokio::test]
async fn ends_that_were_left_to_a_claim_without_an_answer_are_written_by_a_shutdown() {
    for (turn, slots, items) in [("turn", 1, 3), ("next_turn", 8, 500)] {
        let line = Line::new().await;
        line.world.limit(slots).await;
        let mut queue = Vec::new();
        for _ in 0..items {
            queue.push(enqueue_plain(line.world.workpool(), Kind::Once, How::Takes(0)).await);
        }
        line.proxy.arm(line.loses(Loses::Time, turn).with_rows());
        let worker = line.worker().await;
        line.struck().await;
        worker.shutdown().await;
        let held = "SELECT count(*) FROM workpool.work WHERE worker IS NOT NULL";
        assert_eq!(line.world.count(held).await, 0, "{turn}: nothing is left to recovery");
        line.proxy.let_go();
        let other = line.world.worker_here().start().await.unwrap();
        line.world.quiet(GIVEN_UP).await;
        other.shutdown().await;
        assert_eq!(audit::check(&line.world, &queue).await.succeeded, queue.len());
        audit::nobody_is_left(&line.world).await;
    }
}

#[tokio::test]
async fn a_listener_that_cannot_be_set_up_leaves_no_connections_behind() {
    const LISTENERS: &str = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'workpool listener'";
    let line = Line::new().await;
    line.proxy.arm(Fault::new(Loses::Statement, "LISTEN \"workpool_workpool\"").lasts());
    let worker = line.worker().await;
    within(GIVEN_UP, "it is tried again and again", async || line.proxy.hits() >= 4).await;
    assert!(line.world.count(LISTENERS).await <= 1);
    line.proxy.disarm();
    let item = enqueue_one(line.world.workpool(), Kind::Once, How::Takes(1)).await;
    line.world.quiet(GIVEN_UP).await;
    assert_eq!(audit::check(&line.world, &[item]).await.succeeded, 1);
    worker.shutdown().await;
}
