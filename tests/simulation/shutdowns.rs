//! Workers that are asked to stop while there is work.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use workpool::{FailureKind, OutcomeKind, Status, WorkId};

use crate::audit::{self, Kind};
use crate::functions::How;
use crate::load::{self, Random, enqueue_one};
use crate::world::World;

#[tokio::test]
async fn shutdowns_under_load_lose_nothing_and_count_nothing_that_was_not_entered() {
    let mut random = Random::seeded("shutdowns");
    let world = World::new().await;
    let mut processes = vec![world.process().await, world.process().await];
    let items = load::enqueue(world.workpool(), 500, (5, 60), &mut random).await;
    for _ in 0..6 {
        sleep(Duration::from_millis(random.between(100, 600))).await;
        let leaver = processes.swap_remove(usize::try_from(random.below(2)).unwrap());
        let pid = leaver.pid();
        leaver.terminate().await;
        assert!(!world.workers().await.contains_key(&pid), "its row is gone");
        processes.push(world.process().await);
    }
    world.quiet(Duration::from_secs(30)).await;
    for process in processes {
        process.terminate().await;
    }
    let findings = audit::check(&world, &items).await;
    assert_eq!(findings.lost, 0);
    let notes = world.notes();
    for item in &items {
        let id = WorkId::<u32>::from_uuid(item.id);
        let status = world.workpool().status(id).await.unwrap().unwrap();
        let entered = u32::try_from(notes.entries(item.id).len()).unwrap();
        // What is undone in a transaction that others share runs again under the same attempt.
        let counted = status.previous_attempts();
        let repeats = counted != entered || entered > item.fails + 1;
        let may_repeat = item.kind == Kind::Book && counted < entered;
        assert!(!repeats || may_repeat, "{item:?}: {counted} counted, entered {entered} times");
    }
    audit::nobody_is_left(&world).await;
}

#[tokio::test]
async fn a_drain_of_three_leases_keeps_its_lease() {
    let world = World::new().await;
    let leaver = world.process().await;
    let mut items = Vec::new();
    for kind in [Kind::Once, Kind::Again, Kind::Book] {
        items.push(enqueue_one(world.workpool(), kind, How::Takes(3 * 1000)).await);
    }
    for item in &items {
        world.entered(item.id, 1).await;
    }
    let other = world.process().await;
    leaver.terminate().await;
    world.quiet(Duration::from_secs(2)).await;
    other.terminate().await;
    let findings = audit::check(&world, &items).await;
    assert_eq!((findings.succeeded, findings.repeated), (3, 0));
    audit::nobody_is_left(&world).await;
}

#[tokio::test]
async fn what_outlasts_the_grace_ends_by_its_kind_at_once_and_not_by_the_lease() {
    let world = World::new().await;
    // With a lease that no recovery could hide behind.
    let process = world.process_with(&["grace=300", "lease=60000"]).await;
    let mut items = Vec::new();
    for kind in [Kind::Once, Kind::Again, Kind::Book] {
        items.push(enqueue_one(world.workpool(), kind, How::Waits).await);
    }
    for item in &items {
        world.entered(item.id, 1).await;
    }
    let asked = Instant::now();
    process.terminate().await;
    assert!(asked.elapsed() < Duration::from_millis(300 + 2000), "{:?}", asked.elapsed());
    audit::nobody_is_left(&world).await;
    let status = async |nth: usize| {
        let id = WorkId::<u32>::from_uuid(items[nth].id);
        world.workpool().status(id).await.unwrap().unwrap()
    };
    let Status::Finished(end) = status(0).await else { panic!("the action has not ended") };
    assert_eq!(end.outcome, OutcomeKind::Failed);
    assert_eq!(end.failures[0].kind(), FailureKind::Lost);
    let pending = status(1).await;
    assert!(pending.is_pending() && pending.previous_attempts() == 1, "{pending:?}");
    let pending = status(2).await;
    assert!(pending.is_pending() && pending.previous_attempts() == 0, "{pending:?}");
    world.open_gate();
    let heir = world.process().await;
    world.quiet(Duration::from_secs(10)).await;
    heir.terminate().await;
    let findings = audit::check(&world, &items).await;
    assert_eq!((findings.succeeded, findings.lost, findings.repeated), (2, 1, 2));
}

#[tokio::test]
async fn a_process_that_is_stopped_in_its_first_second_ends_and_leaves_nothing() {
    let mut random = Random::seeded("early stops");
    let world = World::new().await;
    let items = load::enqueue(world.workpool(), 40, (1, 200), &mut random).await;
    for _ in 0..6 {
        let process = world.process().await;
        sleep(Duration::from_millis(random.below(120))).await;
        process.terminate().await;
        audit::nobody_is_left(&world).await;
        assert_eq!(
            world.count("SELECT count(*) FROM workpool.work WHERE worker IS NOT NULL").await,
            0
        );
    }
    let last = world.process().await;
    world.quiet(Duration::from_secs(20)).await;
    last.terminate().await;
    assert_eq!(audit::check(&world, &items).await.lost, 0);
}
