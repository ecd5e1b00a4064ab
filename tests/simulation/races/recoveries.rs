//! Recovery against a worker that is late but not gone.

use std::time::Duration;

use sqlx::{AssertSqlSafe, Executor, Row};
use uuid::Uuid;
use workpool::{Cancel, Status};

use super::{ALL, POOL, count, database, ends, enqueued, in_order};
use crate::audit::{self, Kind};
use crate::functions::How;
use crate::hand::{Claim, End, Hand};
use crate::load::enqueue_one;
use crate::world::World;

const WORKERS: &str = "SELECT count(*) FROM workpool.workers";

#[tokio::test]
async fn recovery_leaves_a_mutation_alone_that_is_just_committing() {
    let db = database().await;
    let workpool = db.workpool();
    let id = enqueued(workpool, Kind::Book).await;
    let mut late = Hand::with_slots(workpool, POOL, 1).await;
    let mut heir = Hand::new(workpool).await;
    let claim = late.claim_one(POOL, &ALL).await;
    late.expire().await;
    late.begin().await;
    assert!(late.succeed_and_call(claim, &["told"]).await);
    assert_eq!(heir.bury(&[late.worker]).await, [late.worker]);
    assert_eq!(heir.abandoned(late.worker).await, []);
    heir.inter(late.worker).await;
    assert_eq!(count(workpool, WORKERS).await, 1, "something of it is left");
    late.commit().await;
    assert_eq!(ends(workpool, id).await, (Some(0), vec![0]));
    // And the next sweep finishes with it: the callback it had claimed is anybody's.
    assert_eq!(heir.bury(&[late.worker]).await, [late.worker]);
    assert_eq!(heir.abandoned(late.worker).await, []);
    heir.inter(late.worker).await;
    assert_eq!(count(workpool, WORKERS).await, 0);
    let free = "SELECT count(*) FROM workpool.callbacks WHERE worker IS NULL";
    assert_eq!(count(workpool, free).await, 1);
}

#[tokio::test]
async fn a_worker_that_has_just_started_buries_nobody_by_the_clock_of_the_database() {
    let world = World::new().await;
    let mut living = Hand::with_slots(world.workpool(), POOL, 1).await;
    // The clock has jumped since it renewed its lease, of a minute, and it has not done so again yet.
    living.expire().await;
    let started = world.worker_here().start().await.unwrap();
    let item = enqueue_one(world.workpool(), Kind::Once, How::Takes(1)).await;
    world.quiet(Duration::from_secs(10)).await;
    assert!(living.renew().await, "it was buried");
    started.shutdown().await;
    assert_eq!(audit::check(&world, &[item]).await.succeeded, 1);
}

#[tokio::test]
async fn a_mutation_that_did_not_commit_after_all_is_found_by_the_next_sweep() {
    let db = database().await;
    let workpool = db.workpool();
    let id = enqueued(workpool, Kind::Book).await;
    let mut late = Hand::with_slots(workpool, POOL, 1).await;
    let mut heir = Hand::new(workpool).await;
    let claim = late.claim_one(POOL, &ALL).await;
    late.expire().await;
    late.begin().await;
    assert!(late.finish(claim, End::Success).await);
    assert_eq!(heir.bury(&[late.worker]).await, [late.worker]);
    assert_eq!(heir.abandoned(late.worker).await, []);
    heir.inter(late.worker).await;
    late.roll_back().await;
    assert_eq!(heir.free_abandoned(late.worker).await, [claim]);
    assert!(workpool.status(id).await.unwrap().unwrap().is_pending());
}

#[tokio::test]
async fn what_a_dead_worker_still_holds_keeps_its_own_slots_and_no_others() {
    let db = database().await;
    let workpool = db.workpool();
    let mut late = Hand::with_slots(workpool, POOL, 3).await;
    let mut heir = Hand::new(workpool).await;
    heir.register(POOL).await;
    for kind in [Kind::Book, Kind::Again, Kind::Again] {
        enqueued(workpool, kind).await;
    }
    let claims = late.claim(POOL, 3, 0, &ALL).await;
    late.expire().await;
    // It is frozen between the end of its mutation and the commit, and its session goes on.
    late.begin().await;
    assert!(late.finish(claims[0], End::Success).await);
    assert_eq!(heir.bury(&[late.worker]).await, [late.worker]);
    assert_eq!(heir.free_abandoned(late.worker).await.len(), 2);
    heir.inter(late.worker).await;
    assert_eq!(heir.take(POOL, 0, 3).await, Some((2, false)));
    late.roll_back().await;
    assert_eq!(heir.free_abandoned(late.worker).await, claims[..1]);
    heir.inter(late.worker).await;
    assert_eq!(heir.take(POOL, 0, 3).await, Some((3, false)));
}

#[tokio::test]
async fn an_end_that_waited_for_its_own_recovery_is_refused() {
    let db = database().await;
    let workpool = db.workpool();
    let id = enqueued(workpool, Kind::Book).await;
    let mut late = Hand::with_slots(workpool, POOL, 1).await;
    let mut heir = Hand::new(workpool).await;
    let claim = late.claim_one(POOL, &ALL).await;
    late.expire().await;
    assert_eq!(heir.bury(&[late.worker]).await, [late.worker]);
    heir.begin().await;
    assert_eq!(heir.free_abandoned(late.worker).await, [claim]);
    let backend = late.backend();
    let ended = in_order(backend, late.finish(claim, End::Success), heir.commit()).await;
    assert!(!ended);
    assert_eq!(ends(workpool, id).await, (None, vec![]));
}

#[tokio::test]
async fn a_retry_that_waited_for_its_own_recovery_is_refused() {
    let db = database().await;
    let workpool = db.workpool();
    let id = enqueued(workpool, Kind::Again).await;
    let mut late = Hand::with_slots(workpool, POOL, 1).await;
    let mut heir = Hand::with_slots(workpool, POOL, 1).await;
    // It runs into its timeout just when its lease is over.
    let claim = late.claim_one(POOL, &ALL).await;
    late.expire().await;
    assert_eq!(heir.bury(&[late.worker]).await, [late.worker]);
    let mut recovery = late.twin(workpool).await;
    recovery.begin().await;
    assert!(recovery.retry(claim, Duration::ZERO).await);
    let backend = late.backend();
    assert!(!in_order(backend, late.retry(claim, Duration::ZERO), recovery.commit()).await);
    let again = heir.claim_one(POOL, &ALL).await;
    assert_eq!(again, Claim::new(id.uuid(), 2, 2), "one of them counted, and one attempt lives");
    assert!(!late.finish(claim, End::Success).await && heir.finish(again, End::Success).await);
}

#[tokio::test]
async fn two_that_recover_the_same_worker_share_its_items() {
    let db = database().await;
    let workpool = db.workpool();
    workpool.pool(POOL).set_max_parallelism(4).await.unwrap();
    for _ in 0..4 {
        enqueued(workpool, Kind::Book).await;
    }
    let mut late = Hand::with_slots(workpool, POOL, 4).await;
    assert_eq!(late.claim(POOL, 4, 0, &ALL).await.len(), 4);
    late.expire().await;
    let (mut one, mut two) = (Hand::new(workpool).await, Hand::new(workpool).await);
    one.begin().await;
    two.begin().await;
    assert_eq!(one.bury(&[late.worker]).await, [late.worker]);
    assert_eq!(two.bury(&[late.worker]).await, [] as [Uuid; 0], "it is being buried");
    one.commit().await;
    one.begin().await;
    assert_eq!(one.free_abandoned(late.worker).await.len(), 4);
    assert_eq!(two.free_abandoned(late.worker).await.len(), 0);
    one.commit().await;
    two.commit().await;
    let running = "SELECT count(*) FROM workpool.work WHERE worker IS NOT NULL OR lost <> 1";
    assert_eq!(count(workpool, running).await, 0);
}

#[tokio::test]
async fn a_renewal_that_waited_for_the_burial_is_refused_and_one_under_way_prevents_it() {
    let db = database().await;
    let workpool = db.workpool();
    let mut late = Hand::with_slots(workpool, POOL, 1).await;
    let mut heir = Hand::new(workpool).await;
    late.expire().await;
    late.begin().await;
    assert!(late.renew().await);
    assert_eq!(heir.bury(&[late.worker]).await, [] as [Uuid; 0]);
    late.commit().await;
    assert_eq!(heir.bury(&[late.worker]).await, [] as [Uuid; 0], "it is renewed");

    late.expire().await;
    heir.begin().await;
    assert_eq!(heir.bury(&[late.worker]).await, [late.worker]);
    let backend = late.backend();
    assert!(!in_order(backend, late.renew(), heir.commit()).await);
}

#[tokio::test]
async fn a_claim_under_way_when_its_worker_is_buried_is_recovered() {
    let db = database().await;
    let workpool = db.workpool();
    let id = enqueued(workpool, Kind::Book).await;
    let mut late = Hand::with_slots(workpool, POOL, 1).await;
    let mut heir = Hand::new(workpool).await;
    late.expire().await;
    late.begin().await;
    let claim = late.claim_one(POOL, &ALL).await;
    let backend = heir.backend();
    let dead = in_order(backend, heir.bury(&[late.worker]), late.commit()).await;
    assert_eq!(dead, [late.worker]);
    assert_eq!(heir.free_abandoned(late.worker).await, [claim]);
    assert!(late.claim(POOL, 1, 0, &ALL).await.is_empty(), "its slots are frozen");
    assert!(workpool.status(id).await.unwrap().unwrap().is_pending());
}

#[tokio::test]
async fn a_row_of_an_unknown_worker_is_recovered_once_and_not_from_under_its_next_claim() {
    let db = database().await;
    let workpool = db.workpool();
    let id = enqueued(workpool, Kind::Book).await;
    let by_hand = "UPDATE workpool.work SET worker = $1, attempt = 1, fence = 1";
    let unknown = Uuid::now_v7();
    sqlx::query(by_hand).bind(unknown).execute(workpool.db()).await.unwrap();
    let mut next = Hand::with_slots(workpool, POOL, 1).await;
    let (mut one, mut two) = (Hand::new(workpool).await, Hand::new(workpool).await);
    // The second one has looked before the first one commits that it has recovered the row.
    one.begin().await;
    assert_eq!(one.orphans().await, [unknown]);
    let recover = async {
        assert_eq!(one.bury(&[]).await, [unknown]);
        assert_eq!(one.free_abandoned(unknown).await, [Claim::new(id.uuid(), 1, 1)]);
        one.inter_locked(unknown).await;
        one.commit().await;
    };
    let backend = two.backend();
    in_order(backend, two.orphans(), recover).await;
    let claim = next.claim_one(POOL, &ALL).await;
    for dead in two.bury(&[]).await {
        assert_eq!(two.free_abandoned(dead).await, []);
        two.inter(dead).await;
    }
    let status = workpool.status(id).await.unwrap().unwrap();
    assert!(matches!(status, Status::Running { .. }), "{status:?}");
    assert!(next.finish(claim, End::Success).await);
    let slots = "SELECT count(*) FROM workpool.slots";
    assert_eq!(count(workpool, slots).await, 1, "nothing of the unknown worker is left");
}

#[tokio::test]
async fn a_locked_callback_of_a_worker_whose_row_was_deleted_is_freed_in_the_end() {
    let db = database().await;
    let workpool = db.workpool();
    let id = enqueued(workpool, Kind::Book).await;
    let mut late = Hand::with_slots(workpool, POOL, 1).await;
    let mut heir = Hand::new(workpool).await;
    heir.register(POOL).await;
    let claim = late.claim_one(POOL, &ALL).await;
    assert!(late.succeed_and_call(claim, &["told"]).await);
    sqlx::query("DELETE FROM workpool.workers WHERE id = $1")
        .bind(late.worker)
        .execute(workpool.db())
        .await
        .unwrap();
    // It runs the callback, and is swept meanwhile.
    late.begin().await;
    assert!(late.finish_callback(Claim::new(id.uuid(), 1, 1)).await);
    for dead in heir.bury(&[late.worker]).await {
        heir.inter(dead).await;
    }
    late.roll_back().await;
    for dead in heir.bury(&[late.worker]).await {
        heir.inter(dead).await;
    }
    let claimed = heir.claim_callbacks(&["told"]).await;
    assert_eq!(claimed.len(), 1, "nobody can run it");
}

#[tokio::test]
async fn a_callback_claim_under_way_when_its_worker_is_interred_is_not_lost() {
    let db = database().await;
    let workpool = db.workpool();
    let id = enqueued(workpool, Kind::Book).await;
    assert_eq!(workpool.cancel(id).await.unwrap(), Cancel::Canceled);
    let mut late = Hand::with_slots(workpool, POOL, 1).await;
    let mut heir = Hand::new(workpool).await;
    heir.register(POOL).await;
    late.expire().await;
    late.begin().await;
    assert_eq!(late.claim_callbacks(&["told"]).await.len(), 1);
    // Swept before its commit, and after it.
    for commits in [true, false] {
        for dead in heir.bury(&[late.worker]).await {
            heir.inter(dead).await;
        }
        if commits {
            late.commit().await;
        }
    }
    assert!(late.claim_callbacks(&["told"]).await.is_empty(), "it is gone");
    assert_eq!(heir.claim_callbacks(&["told"]).await.len(), 1, "nobody can run it");
}

#[tokio::test]
async fn what_one_worker_holds_is_found_without_a_walk_over_all_that_is_due_at_the_same_time() {
    const MANY: &str = "INSERT INTO workpool.work (id, pool, function, kind, run_at, args)
        SELECT gen_random_uuid(), 'mixed', 'once', 0, timestamptz '2026-01-01 09:00:00+00', 'null'
        FROM generate_series(1, 20000)";
    let db = database().await;
    let workpool = db.workpool();
    sqlx::query(MANY).execute(workpool.db()).await.unwrap();
    let mut hand = Hand::with_slots(workpool, POOL, 3).await;
    assert_eq!(hand.claim(POOL, 3, 0, &ALL).await.len(), 3);
    let walked = rows_looked_at_in_vain(&mut hand).await;
    assert!(walked < 100, "it looked at {walked} rows for three");
    assert_eq!(hand.release_unknown().await.len(), 3);
}

/// When it looks for what it holds and does not know. Takes no effect.
async fn rows_looked_at_in_vain(hand: &mut Hand) -> i64 {
    let statement = hand.sql("release_unknown");
    let explain = format!(
        "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off;
        PREPARE walk AS {}; EXPLAIN (ANALYZE) EXECUTE walk('{}', '{{}}', '{{}}')",
        statement.as_str(),
        hand.worker,
    );
    hand.begin().await;
    let plan = hand.conn.fetch_all(AssertSqlSafe(explain)).await.unwrap();
    hand.roll_back().await;
    let removed = |line: String| {
        let (_, rows) = line.split_once("Rows Removed by Filter: ")?;
        rows.trim().parse::<i64>().ok()
    };
    plan.iter().filter_map(|row| removed(row.get(0))).sum()
}
