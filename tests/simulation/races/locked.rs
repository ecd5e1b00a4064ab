//! Rows that somebody's transaction keeps locked while their work ends.

use std::time::Duration;

use workpool::{OutcomeKind, Status, WorkId};

use super::{ALL, POOL};
use crate::audit::{self, Enqueued, Kind};
use crate::functions::How;
use crate::hand::Hand;
use crate::load::enqueue_one;
use crate::world::{World, eventually, within};

/// Locks an item, as a `cancel` within a transaction does.
async fn lock(world: &World, item: Enqueued) -> sqlx::Transaction<'static, sqlx::Postgres> {
    let mut tx = world.workpool().db().begin().await.unwrap();
    let sql = "SELECT id FROM workpool.work WHERE id = $1 FOR UPDATE";
    sqlx::query(sql).bind(item.id).execute(&mut *tx).await.unwrap();
    tx
}

async fn outcome(world: &World, item: Enqueued) -> Option<OutcomeKind> {
    let id = WorkId::<u32>::from_uuid(item.id);
    let status = world.workpool().status(id).await.unwrap();
    status.as_ref().and_then(Status::outcome)
}

const WAITING: &str = "SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name LIKE 'workpool%'
        AND wait_event_type = 'Lock'";

#[tokio::test]
async fn a_locked_item_ends_as_it_did_and_does_not_keep_others_from_ending() {
    let world = World::new().await;
    let worker = world.worker_here().start().await.unwrap();
    let locked = enqueue_one(world.workpool(), Kind::Once, How::Waits).await;
    world.entered(locked.id, 1).await;
    let tx = lock(&world, locked).await;
    world.open_gate();
    eventually("its end waits for the lock", async || world.count(WAITING).await > 0).await;
    let other = enqueue_one(world.workpool(), Kind::Once, How::Takes(1)).await;
    within(Duration::from_secs(3), "another one ends meanwhile", async || {
        outcome(&world, other).await.is_some()
    })
    .await;
    assert_eq!(outcome(&world, locked).await, None);
    tx.commit().await.unwrap();
    eventually("it ends", async || outcome(&world, locked).await.is_some()).await;
    assert_eq!(outcome(&world, locked).await, Some(OutcomeKind::Success));
    worker.shutdown().await;
}

#[tokio::test]
async fn a_statement_that_somebody_cancels_does_not_turn_a_success_into_a_failure() {
    const CANCEL: &str = "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name LIKE 'workpool%'
            AND wait_event_type = 'Lock'";
    for kind in [Kind::Once, Kind::Again, Kind::Book] {
        let world = World::new().await;
        let worker = world.worker_here().start().await.unwrap();
        let item = enqueue_one(world.workpool(), kind, How::Waits).await;
        world.entered(item.id, 1).await;
        let tx = lock(&world, item).await;
        world.open_gate();
        eventually("its end is canceled", async || world.count(CANCEL).await > 0).await;
        tx.commit().await.unwrap();
        eventually("it ends", async || outcome(&world, item).await.is_some()).await;
        assert_eq!(outcome(&world, item).await, Some(OutcomeKind::Success), "{kind:?}");
        worker.shutdown().await;
    }
}

#[tokio::test]
async fn a_shutdown_does_not_forget_an_end_that_has_to_wait_for_a_lock() {
    let world = World::new().await;
    let worker = world.worker_here().lease(Duration::from_mins(1)).start().await.unwrap();
    let item = enqueue_one(world.workpool(), Kind::Once, How::Waits).await;
    world.entered(item.id, 1).await;
    let tx = lock(&world, item).await;
    let shutdown = tokio::spawn(worker.shutdown());
    world.open_gate();
    eventually("its end waits for the lock", async || world.count(WAITING).await > 0).await;
    eventually("and gives up waiting for now", async || world.count(WAITING).await == 0).await;
    tx.commit().await.unwrap();
    shutdown.await.unwrap();
    assert_eq!(outcome(&world, item).await, Some(OutcomeKind::Success));
    // Its callback is left to the next worker.
    let next = world.worker_here().start().await.unwrap();
    world.quiet(Duration::from_secs(5)).await;
    next.shutdown().await;
    crate::audit::nobody_is_left(&world).await;
}

#[tokio::test]
async fn what_was_claimed_late_in_a_pool_that_somebody_held_is_handed_back_before_anything_starts_there()
 {
    const LOOKED: &str = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'workpool'
            AND query LIKE '%JOIN workpool.pools p ON p.name = s.pool%SKIP LOCKED'
            AND query_start > (SELECT min(xact_start) + interval '2.4 s' FROM pg_stat_activity
                WHERE datname = current_database() AND state = 'idle in transaction')";
    let world = World::new().await;
    world.limit(1).await;
    let worker = world.worker_here().start().await.unwrap();
    let mut items = vec![enqueue_one(world.workpool(), Kind::Once, How::Takes(1)).await];
    world.quiet(Duration::from_secs(10)).await;
    // More than once, and not the first look, after two seconds: one that is only just beginning may
    // find the pool free.
    for _ in 0..3 {
        // The server runs a claim of its that it has given up, and does not commit yet.
        let mut late = Hand::new(world.workpool()).await;
        late.worker = worker.id();
        late.begin().await;
        late.lock_slots().await;
        for _ in 0..2 {
            items.push(enqueue_one(world.workpool(), Kind::Once, How::Takes(1)).await);
        }
        assert_eq!(late.claim(POOL, 1, 0, &ALL).await.len(), 1);
        eventually("it leaves the pool alone", async || world.count(LOOKED).await > 0).await;
        late.commit().await;
        world.quiet(Duration::from_secs(10)).await;
    }
    worker.shutdown().await;
    assert_eq!(audit::check(&world, &items).await.succeeded, items.len());
    audit::nobody_is_left(&world).await;
}
