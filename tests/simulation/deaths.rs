//! Processes that die while they run something, and handlers that only look dead.

use std::time::Duration;

use tokio::time::Instant;
use workpool::{FailureKind, OutcomeKind, Status, WorkId};

use crate::audit::{self, Kind};
use crate::functions::How;
use crate::load::enqueue_one;
use crate::world::{LEASE, RECOVERY, World, eventually, within};

async fn finished(world: &World, id: uuid::Uuid) -> Option<workpool::Finished> {
    let status = world.workpool().status(WorkId::<u32>::from_uuid(id)).await.unwrap();
    match status {
        Some(Status::Finished(finished)) => Some(finished),
        _ => None,
    }
}

#[tokio::test]
async fn what_a_killed_process_ran_is_recovered_by_its_kind_within_the_lease_and_two_seconds() {
    let world = World::new().await;
    let victim = world.process().await;
    let mut items = Vec::new();
    for kind in [Kind::Once, Kind::Again, Kind::Book] {
        items.push(enqueue_one(world.workpool(), kind, How::Waits).await);
    }
    for item in &items {
        world.entered(item.id, 1).await;
    }
    let heir = world.process().await;
    victim.kill().await;
    let killed = Instant::now();
    world.open_gate();
    let [once, again, book] = *items else { unreachable!() };
    within(LEASE + RECOVERY, "nothing of it is left", async || {
        world.count("SELECT count(*) FROM workpool.workers").await == 1
    })
    .await;
    println!("recovered after {:?}", killed.elapsed());
    world.quiet(Duration::from_secs(10)).await;

    let end = finished(&world, once.id).await.unwrap();
    assert_eq!((end.outcome, end.attempts), (OutcomeKind::Failed, 1));
    assert_eq!(end.failures.last().unwrap().kind(), FailureKind::Lost);
    let end = finished(&world, again.id).await.unwrap();
    assert_eq!((end.outcome, end.attempts), (OutcomeKind::Success, 2), "the death counts");
    let kinds: Vec<_> = end.failures.iter().map(|f| (f.kind(), f.attempt())).collect();
    assert_eq!(kinds, [(FailureKind::Lost, 1)]);
    let end = finished(&world, book.id).await.unwrap();
    assert_eq!(end.outcome, OutcomeKind::Success);
    assert!(end.failures.is_empty(), "a rolled back attempt is no failure: {:?}", end.failures);
    assert_eq!(world.notes().entries(book.id).len(), 2);
    heir.terminate().await;
    let findings = audit::check(&world, &items).await;
    assert_eq!((findings.lost, findings.repeated), (1, 2));
    audit::nobody_is_left(&world).await;
}

#[tokio::test]
async fn a_healthy_action_of_five_leases_is_one_attempt_though_others_look_for_the_dead() {
    let world = World::new().await;
    let [one, two] = [world.process().await, world.process().await];
    let long = How::Takes(5 * 1000);
    let mut items = Vec::new();
    for kind in [Kind::Once, Kind::Again, Kind::Book] {
        items.push(enqueue_one(world.workpool(), kind, long).await);
    }
    world.quiet(Duration::from_secs(15)).await;
    one.terminate().await;
    two.terminate().await;
    let findings = audit::check(&world, &items).await;
    assert_eq!((findings.succeeded, findings.repeated), (3, 0));
}

#[tokio::test]
async fn a_handler_that_blocks_its_only_thread_for_three_leases_is_not_taken_for_dead() {
    let world = World::new().await;
    let blocked = world.process_with(&["threads=1"]).await;
    let item = enqueue_one(world.workpool(), Kind::Once, How::Blocks(3 * 1000)).await;
    world.entered(item.id, 1).await;
    let before = world.workers().await;
    let other = world.process().await;
    let meanwhile = enqueue_one(world.workpool(), Kind::Once, How::Takes(1)).await;
    world.quiet(Duration::from_secs(10)).await;
    let after = world.workers().await;
    let id = |workers: &std::collections::HashMap<u32, uuid::Uuid>| workers[&blocked.pid()];
    assert_eq!(id(&before), id(&after), "it kept its lease");
    assert_eq!(audit::check(&world, &[item, meanwhile]).await.succeeded, 2);
    blocked.terminate().await;
    other.terminate().await;
}

/// Starts a process again and again until the item has ended; counts the deaths.
async fn deaths(kind: Kind) -> usize {
    let world = World::new().await;
    let item = enqueue_one(world.workpool(), kind, How::Aborts).await;
    let mut deaths = 0;
    let mut process = world.process().await;
    let end = async || finished(&world, item.id).await.is_some();
    while !end().await {
        tokio::select! {
            () = process.death() => {
                deaths += 1;
                assert!(deaths < 20, "it kills one process after another");
                process = world.process().await;
            }
            () = eventually("it ends or kills", end) => {}
        }
    }
    world.quiet(Duration::from_secs(5)).await;
    process.terminate().await;
    let [callback]: [(String, Option<String>); 1] =
        sqlx::query_as("SELECT outcome, failure FROM callback_ledger")
            .fetch_all(world.workpool().db())
            .await
            .unwrap()
            .try_into()
            .unwrap();
    assert_eq!(callback, ("failed".into(), Some("Lost".into())));
    assert_eq!(world.notes().entries(item.id).len(), deaths);
    let attempts = finished(&world, item.id).await.unwrap().attempts;
    assert_eq!(attempts as usize, deaths, "as many attempts as deaths");
    deaths
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_item_that_aborts_its_process_does_so_as_often_as_it_has_attempts_and_no_more() {
    let (once, again, book) =
        tokio::join!(deaths(Kind::Once), deaths(Kind::Again), deaths(Kind::Book));
    assert_eq!((once, again), (1, 3));
    assert!((2..=6).contains(&book), "a mutation is given up within a bound: {book}");
}
