//! Who hears of what, and when: a listener that cannot begin to listen tries again, and leaves nothing
//! behind; what nobody was told of is found.

use std::time::Duration;

use workpool_tests::{Fault, Loses};

use crate::audit::Kind;
use crate::functions::{How, Task, again};
use crate::line::Line;
use crate::load::enqueue_one;
use crate::world::{World, eventually, within};

/// A worker that finds nothing in time by polling.
const TOO_LATE: Duration = Duration::from_mins(5);

const STUCK: &str = "CREATE TABLE stuck AS SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'workpool listener'";
const OTHERS: &str = "SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'workpool listener'
        AND query LIKE 'LISTEN%' AND state = 'idle' AND pid NOT IN (SELECT pid FROM stuck)";

#[tokio::test]
async fn a_listener_whose_first_statement_is_never_answered_begins_anew() {
    let line = Line::new().await;
    line.proxy.arm(Fault::new(Loses::Time, r#"LISTEN "workpool_workpool""#));
    let worker = line.far.worker().state(line.world.witness()).lease(Duration::from_mins(1));
    let worker = worker.poll_interval(TOO_LATE).start().await.unwrap();
    line.struck().await;
    let db = line.world.workpool().db();
    sqlx::query(STUCK).execute(db).await.unwrap();
    within(Duration::from_secs(15), "it listens on another connection", async || {
        line.world.count(OTHERS).await == 1
    })
    .await;
    let item = enqueue_one(line.world.workpool(), Kind::Once, How::Takes(1)).await;
    line.world.entered(item.id, 1).await;
    line.world.quiet(Duration::from_secs(5)).await;
    worker.shutdown().await;
}

#[tokio::test]
async fn what_is_committed_after_the_worker_has_fallen_asleep_does_not_wait_for_a_poll() {
    const ASLEEP: &str = "SELECT count(*) FROM workpool.slots WHERE asleep";
    let world = World::new().await;
    world.limit(1).await;
    let worker = world.worker_here().poll_interval(TOO_LATE).start().await.unwrap();
    // One at a time, that keeps it busy for a while.
    let tasks = std::iter::repeat_n(Task { how: How::Takes(0), fails: 0 }, 2000);
    again::enqueue_batch(world.workpool(), tasks).await.unwrap();
    eventually("it is awake", async || world.count(ASLEEP).await == 0).await;
    let mut tx = world.workpool().db().begin().await.unwrap();
    let within = world.workpool().within(&mut tx);
    let late = again::enqueue(&within, Task { how: How::Takes(0), fails: 0 }).await.unwrap();
    drop(within);
    assert_eq!(world.count(ASLEEP).await, 0, "it was enqueued while the worker was awake");
    eventually("it sleeps", async || world.count(ASLEEP).await == 1).await;
    world.quiet(Duration::from_secs(30)).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    tx.commit().await.unwrap();
    world.entered(late.uuid(), 1).await;
    worker.shutdown().await;
}
