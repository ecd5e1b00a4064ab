//! Several processes and one limit.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::audit::{self, Kind};
use crate::functions::How;
use crate::load::{self, Random, enqueue_one};
use crate::world::{World, eventually, within};

const RUNNING: &str = "SELECT count(*) FROM workpool.work WHERE worker IS NOT NULL";

#[tokio::test]
async fn a_process_that_has_nothing_to_do_leaves_its_slots_to_another() {
    let world = World::new().await;
    world.limit(6).await;
    let first = world.process_with(&["only=once"]).await;
    let second = world.process_with(&["only=book"]).await;
    let mut items = Vec::new();
    for _ in 0..12 {
        items.push(enqueue_one(world.workpool(), Kind::Once, How::Takes(20)).await);
    }
    world.quiet(Duration::from_secs(10)).await;
    // The first one has run out of work, and may still hold all of the slots.
    for _ in 0..8 {
        items.push(enqueue_one(world.workpool(), Kind::Book, How::Waits).await);
    }
    within(Duration::from_secs(8), "the second one has all slots", async || {
        world.count(RUNNING).await == 6
    })
    .await;
    // And back again: the second one runs what it runs, and then leaves them all.
    for _ in 0..8 {
        items.push(enqueue_one(world.workpool(), Kind::Once, How::Waits).await);
    }
    world.open_gate();
    world.quiet(Duration::from_secs(10)).await;
    first.terminate().await;
    second.terminate().await;
    assert_eq!(audit::check(&world, &items).await.succeeded, items.len());
    assert_eq!(audit::peak(&world).await, 6);
}

#[tokio::test]
async fn both_get_a_share_while_both_have_work() {
    let world = World::new().await;
    world.limit(4).await;
    let processes = [world.process().await, world.process().await];
    let mut items = Vec::new();
    for _ in 0..120 {
        items.push(enqueue_one(world.workpool(), Kind::Once, How::Takes(60)).await);
    }
    eventually("both run something at once", async || {
        world
            .count("SELECT count(DISTINCT worker) FROM workpool.work WHERE worker IS NOT NULL")
            .await
            == 2
    })
    .await;
    world.quiet(Duration::from_secs(20)).await;
    for process in processes {
        process.terminate().await;
    }
    audit::check(&world, &items).await;
}

#[tokio::test]
async fn a_pool_of_one_goes_on_when_its_holder_lacks_the_function() {
    let world = World::new().await;
    world.limit(1).await;
    let first = world.process_with(&["only=once"]).await;
    let second = world.process_with(&["only=again"]).await;
    let mut items = Vec::new();
    for round in 0..6 {
        let kind = [Kind::Once, Kind::Again][round % 2];
        items.push(enqueue_one(world.workpool(), kind, How::Takes(5)).await);
        let enqueued = Instant::now();
        world.quiet(Duration::from_secs(3)).await;
        println!("round {round}: {:?}", enqueued.elapsed());
    }
    // And with a backlog of both.
    for round in 0..10 {
        let kind = [Kind::Once, Kind::Again][round % 2];
        items.push(enqueue_one(world.workpool(), kind, How::Takes(5)).await);
    }
    world.quiet(Duration::from_secs(15)).await;
    first.terminate().await;
    second.terminate().await;
    assert_eq!(audit::check(&world, &items).await.succeeded, items.len());
    assert_eq!(audit::peak(&world).await, 1);
}

#[tokio::test]
async fn a_limit_that_changes_ten_times_a_second_is_never_exceeded() {
    let mut random = Random::seeded("limits");
    let world = World::new().await;
    let processes = [world.process().await, world.process().await];
    let items = load::enqueue(world.workpool(), 700, (5, 60), &mut random).await;
    let pool = world.workpool().pool("mixed");
    for _ in 0..100 {
        match random.below(10) {
            0 => pool.pause().await.unwrap(),
            1 => pool.resume().await.unwrap(),
            _ => world.limit(u32::try_from(random.below(7)).unwrap()).await,
        }
        sleep(Duration::from_millis(100)).await;
    }
    pool.resume().await.unwrap();
    world.limit(6).await;
    world.quiet(Duration::from_secs(20)).await;
    for process in processes {
        process.terminate().await;
    }
    audit::check(&world, &items).await;
    assert_eq!(audit::peak(&world).await, 6);
}
