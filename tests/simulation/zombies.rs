//! Workers that lost their lease and come back: they write nothing late, and go on anew.

use std::time::Duration;

use crate::audit::{self, Kind};
use crate::functions::{How, parent};
use crate::line::Line;
use crate::load::enqueue_one;
use crate::world::{LEASE, RECOVERY, World, eventually, within};
use workpool_tests::Loses;

#[tokio::test]
async fn a_frozen_process_writes_nothing_late_and_comes_back_under_another_id() {
    let world = World::new().await;
    let zombie = world.process().await;
    let mut items = Vec::new();
    for kind in [Kind::Once, Kind::Again, Kind::Book] {
        items.push(enqueue_one(world.workpool(), kind, How::Waits).await);
    }
    for item in &items {
        world.entered(item.id, 1).await;
    }
    let before = world.workers().await[&zombie.pid()];
    let heir = world.process().await;
    zombie.freeze().await;
    world.open_gate();
    // The heir ends all three while the other is frozen.
    eventually("all three end", async || {
        world.count("SELECT count(*) FROM callback_ledger").await == 3
    })
    .await;
    zombie.thaw().await;
    eventually("the zombie registers anew", async || {
        world.workers().await.get(&zombie.pid()).is_some_and(|id| *id != before)
    })
    .await;
    // Its actions have come to their ends by now, or do so soon: each of them leaves. Its mutation,
    // of which nothing can land, is cut off.
    eventually("the zombie's actions end", async || {
        let notes = world.notes();
        let left = |item: &&audit::Enqueued| {
            notes.exits(item.id).iter().any(|exit| exit.pid == zombie.pid())
        };
        items[..2].iter().filter(left).count() == 2
    })
    .await;
    heir.terminate().await;
    // It serves again, alone now.
    items.push(enqueue_one(world.workpool(), Kind::Once, How::Takes(1)).await);
    world.quiet(Duration::from_secs(5)).await;
    let by_zombie = world.notes().exits(items[3].id)[0].pid;
    assert_eq!(by_zombie, zombie.pid());
    zombie.terminate().await;
    let findings = audit::check(&world, &items).await;
    assert_eq!((findings.succeeded, findings.lost, findings.repeated), (3, 1, 2));
    audit::nobody_is_left(&world).await;
}

#[tokio::test]
async fn frozen_again_and_again_under_load_it_loses_and_doubles_nothing() {
    let mut random = crate::load::Random::seeded("freezing");
    let world = World::new().await;
    let processes = [world.process().await, world.process().await];
    let items = crate::load::enqueue(world.workpool(), 300, (5, 60), &mut random).await;
    for _ in 0..4 {
        let zombie = &processes[usize::try_from(random.below(2)).unwrap()];
        zombie.freeze().await;
        // Around the lease, drawn: some freezes cost it and some do not.
        tokio::time::sleep(Duration::from_millis(random.between(600, 2000))).await;
        zombie.thaw().await;
        tokio::time::sleep(Duration::from_millis(random.between(100, 500))).await;
    }
    world.quiet(Duration::from_secs(20)).await;
    for process in processes {
        process.terminate().await;
    }
    println!("{:?}", audit::check(&world, &items).await);
    audit::nobody_is_left(&world).await;
}

#[tokio::test]
async fn with_a_twentieth_of_a_processor_it_loses_and_doubles_nothing() {
    let world = World::new().await;
    let processes = [world.process().await, world.process().await];
    let starved: Vec<_> = processes.iter().map(workpool_tests::Process::starve).collect();
    let mut items = Vec::new();
    for _ in 0..20 {
        for kind in [Kind::Once, Kind::Again] {
            items.push(enqueue_one(world.workpool(), kind, How::Computes(2000)).await);
        }
    }
    world.quiet(Duration::from_mins(2)).await;
    drop(starved);
    for process in processes {
        process.thaw().await;
        process.terminate().await;
    }
    println!("{:?}", audit::check(&world, &items).await);
    audit::nobody_is_left(&world).await;
}

#[tokio::test]
async fn a_frozen_process_that_reads_no_notifications_holds_back_vacuum_for_a_minute_at_most() {
    const STUCK: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
        AND application_name = 'workpool listener' AND wait_event = 'ClientWrite'
        AND backend_xmin IS NOT NULL";
    const LISTENS: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
        AND application_name = 'workpool listener' AND query LIKE 'LISTEN%' AND state = 'idle'";
    // More than the sockets on the way can hold.
    const FLOOD: &str = "SELECT pg_notify('workpool_workpool', repeat('x', 7000) || n)
        FROM generate_series(1, 4000) n";
    let world = Line::new().await.world;
    let frozen = world.process().await;
    eventually("it listens", async || world.count(LISTENS).await == 1).await;
    frozen.freeze().await;
    sqlx::query(FLOOD).execute(world.workpool().db()).await.unwrap();
    eventually("the server waits for it, with a snapshot", async || world.count(STUCK).await == 1)
        .await;
    within(Duration::from_mins(1), "the server ends its session", async || {
        world.count(STUCK).await == 0
    })
    .await;
    frozen.thaw().await;
    let item = enqueue_one(world.workpool(), Kind::Once, How::Takes(1)).await;
    world.quiet(Duration::from_secs(10)).await;
    frozen.terminate().await;
    assert_eq!(audit::check(&world, &[item]).await.succeeded, 1);
}

#[tokio::test]
async fn a_worker_whose_row_somebody_deleted_registers_anew_and_what_it_ran_is_recovered() {
    let world = World::new().await;
    let process = world.process().await;
    let mut items = vec![
        enqueue_one(world.workpool(), Kind::Once, How::Waits).await,
        enqueue_one(world.workpool(), Kind::Book, How::Waits).await,
    ];
    for item in &items {
        world.entered(item.id, 1).await;
    }
    let before = world.workers().await[&process.pid()];
    let delete = sqlx::query("DELETE FROM workpool.workers WHERE id = $1").bind(before);
    delete.execute(world.workpool().db()).await.unwrap();
    within(LEASE + RECOVERY, "it has another id", async || {
        world.workers().await.get(&process.pid()).is_some_and(|id| *id != before)
    })
    .await;
    within(LEASE + RECOVERY, "the action is told lost", async || {
        world.count("SELECT count(*) FROM callback_ledger WHERE failure = 'Lost'").await == 1
    })
    .await;
    world.open_gate();
    items.push(enqueue_one(world.workpool(), Kind::Once, How::Takes(1)).await);
    world.quiet(Duration::from_secs(5)).await;
    process.terminate().await;
    let findings = audit::check(&world, &items).await;
    assert_eq!((findings.succeeded, findings.lost), (2, 1));
    audit::nobody_is_left(&world).await;
}

#[tokio::test]
async fn what_a_zombie_enqueues_is_refused() {
    let world = World::new().await;
    let zombie = world.process().await;
    let id = parent::enqueue(world.workpool(), ()).await.unwrap();
    world.entered(id.uuid(), 1).await;
    let heir = world.process().await;
    zombie.freeze().await;
    within(2 * LEASE + RECOVERY, "it is taken for lost", async || {
        world.count("SELECT count(*) FROM workpool.finished WHERE outcome = 1").await == 1
    })
    .await;
    world.open_gate();
    zombie.thaw().await;
    eventually("it has tried", async || world.notes().exits(id.uuid()).len() == 1).await;
    zombie.terminate().await;
    heir.terminate().await;
    let children = "SELECT (SELECT count(*) FROM workpool.work) + (SELECT count(*) - 1 FROM workpool.finished)";
    assert_eq!(world.count(children).await, 0, "it left a child behind");
}

#[tokio::test]
async fn a_worker_that_cannot_renew_is_recovered_and_all_it_writes_is_refused() {
    let line = Line::new().await;
    let cut_off = line.worker_with(LEASE).await;
    let mut items = Vec::new();
    for kind in [Kind::Once, Kind::Again, Kind::Book] {
        items.push(enqueue_one(line.world.workpool(), kind, How::Waits).await);
    }
    for item in &items {
        line.world.entered(item.id, 1).await;
    }
    let before = cut_off.id();
    // Only the heartbeats: everything else goes on.
    line.proxy.arm(line.loses(Loses::Statement, "renew").lasts());
    let heir = line.world.process().await;
    within(2 * LEASE + RECOVERY, "others take over", async || {
        let lost = "SELECT count(*) FROM workpool.finished WHERE outcome = 1";
        line.world.count(lost).await == 1
    })
    .await;
    line.world.open_gate();
    line.world.quiet(Duration::from_secs(5)).await;
    line.proxy.disarm();
    eventually("it registers anew", async || cut_off.id() != before && cut_off.is_healthy()).await;
    heir.terminate().await;
    items.push(enqueue_one(line.world.workpool(), Kind::Once, How::Takes(1)).await);
    line.world.quiet(Duration::from_secs(5)).await;
    cut_off.shutdown().await;
    let findings = audit::check(&line.world, &items).await;
    assert_eq!((findings.succeeded, findings.lost, findings.repeated), (3, 1, 2));
    audit::nobody_is_left(&line.world).await;
}

#[tokio::test]
async fn nothing_is_entered_from_a_claim_whose_answer_comes_after_the_lease() {
    let line = Line::new().await;
    let slow = line.worker_with(LEASE).await;
    let before = slow.id();
    line.proxy.arm(line.loses(Loses::Time, "claim_pool").with_rows());
    let mut items = Vec::new();
    items.push(enqueue_one(line.world.workpool(), Kind::Once, How::Takes(1)).await);
    eventually("the claim waits for its answer", async || line.proxy.hits() > 0).await;
    line.proxy.arm(line.loses(Loses::Statement, "renew").lasts());
    let heir = line.world.process().await;
    within(2 * LEASE + RECOVERY, "others take over", async || {
        line.world.count("SELECT count(*) FROM callback_ledger WHERE failure = 'Lost'").await == 1
    })
    .await;
    line.proxy.let_go();
    line.proxy.disarm();
    eventually("it registers anew", async || slow.id() != before && slow.is_healthy()).await;
    heir.terminate().await;
    items.push(enqueue_one(line.world.workpool(), Kind::Once, How::Takes(1)).await);
    line.world.quiet(Duration::from_secs(5)).await;
    slow.shutdown().await;
    assert_eq!(line.world.notes().entries(items[0].id), [], "it was entered after all");
    let findings = audit::check(&line.world, &items).await;
    assert_eq!((findings.succeeded, findings.lost), (1, 1));
    audit::nobody_is_left(&line.world).await;
}
