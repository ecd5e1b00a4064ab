//! How workers that run take slots and give them back: that they lock first, and decide then.

use workpool::Workpool;

use super::POOL;
use crate::audit::{self, Kind};
use crate::functions::How;
use crate::hand::Hand;
use crate::load::enqueue_one;
use crate::world::{World, eventually};

/// The statements of the loops of workers that wait for a lock, as far as the server shows them.
async fn waiting(workpool: &Workpool) -> Vec<String> {
    const WAITING: &str = "SELECT query FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'workpool' AND wait_event_type = 'Lock'";
    sqlx::query_scalar(WAITING).fetch_all(workpool.db()).await.unwrap()
}

#[tokio::test]
async fn workers_that_waited_for_one_another_are_not_granted_the_same_slots() {
    const TAKING: &str = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'workpool' AND xact_start IS NOT NULL";
    let world = World::new().await;
    world.limit(1).await;
    let [one, two] = [world.worker_here(), world.worker_here()].map(workpool::WorkerBuilder::start);
    let [one, two] = [one.await.unwrap(), two.await.unwrap()];
    let mut gate = Hand::new(world.workpool()).await;
    gate.begin().await;
    gate.lock_pools(POOL).await;
    let mut items = Vec::new();
    for _ in 0..2 {
        items.push(enqueue_one(world.workpool(), Kind::Once, How::Waits).await);
    }
    eventually("both wait", async || waiting(world.workpool()).await.len() == 2).await;
    gate.commit().await;
    eventually("both have taken what there was", async || world.count(TAKING).await == 0).await;
    let granted = "SELECT sum(granted)::bigint FROM workpool.slots";
    assert_eq!(world.count(granted).await, 1);
    world.open_gate();
    eventually("all work has ended", async || {
        world.count("SELECT count(*) FROM workpool.work").await == 0
    })
    .await;
    one.shutdown().await;
    two.shutdown().await;
    assert_eq!(audit::check(&world, &items).await.succeeded, 2);
}

/// A statement that comes first and locks is what makes a late one harmless: whoever has given it up
/// waits for its lock, or has made sure that it fails.
#[tokio::test]
async fn slots_are_given_back_behind_a_lock_that_was_asked_for_first() {
    let world = World::new().await;
    world.limit(1).await;
    let workpool = world.workpool();
    let worker = world.worker_here().start().await.unwrap();
    enqueue_one(workpool, Kind::Once, How::Takes(0)).await;
    let idle = "SELECT count(*) FROM workpool.slots WHERE granted = 1 AND asleep";
    eventually("it holds the slot and sleeps", async || {
        world.count("SELECT count(*) FROM workpool.work").await == 0 && world.count(idle).await == 1
    })
    .await;
    let mut gate = Hand::new(workpool).await;
    gate.worker = worker.id();
    gate.begin().await;
    gate.lock_slots().await;
    let mut other = Hand::new(workpool).await;
    other.register(POOL).await;
    assert_eq!(other.take(POOL, 0, 1).await, Some((0, false)), "it is told to make room");
    let begins = |query: &str, name: &str| {
        let query: String = query.chars().take(60).collect();
        gate.sql(name).as_str().starts_with(&query)
    };
    let mut seen = Vec::new();
    eventually("it gives back", async || {
        seen = waiting(workpool).await;
        seen.retain(|query| begins(query, "lock_slots") || begins(query, "give_back"));
        !seen.is_empty()
    })
    .await;
    assert!(seen.iter().all(|query| begins(query, "lock_slots")), "{seen:?}");
    gate.commit().await;
    eventually("the other gets it", async || other.take(POOL, 0, 1).await == Some((1, false)))
        .await;
    worker.shutdown().await;
}
