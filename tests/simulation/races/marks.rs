//! Turns that claim what an earlier one has marked: they write nothing to the slots of their worker,
//! and claim nothing that nobody would look for if it died.

use std::time::Duration;

use sqlx::postgres::PgRow;
use sqlx::{Row, ValueRef};
use uuid::Uuid;
use workpool::Workpool;
use workpool_tests::Loses;

use super::{ALL, POOL, count, database, enqueued, in_order};
use crate::audit::{self, Kind};
use crate::functions::How;
use crate::hand::{Claim, Hand};
use crate::line::Line;
use crate::load::enqueue_plain;
use crate::world::{World, eventually};

/// What a turn came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Turned {
    pub(super) ended: bool,
    pub(super) claimed: Vec<Claim>,
    /// As many further items as was asked are marked as claimed.
    marked: bool,
}

impl Turned {
    fn read(rows: &[PgRow]) -> Self {
        let none = |column| move |row: &PgRow| row.try_get_raw(column).unwrap().is_null();
        let (claimed, told): (Vec<_>, Vec<_>) = rows.iter().partition(|row| !none("kind")(row));
        let (marked, ended): (Vec<_>, Vec<_>) =
            told.into_iter().partition(|row| none("ended")(row));
        let claim = |row: &PgRow| Claim::new(row.get("id"), row.get("attempt"), row.get("fence"));
        Self {
            ended: !ended[0].get::<Vec<Uuid>, _>("ended").is_empty(),
            claimed: claimed.into_iter().map(claim).collect(),
            marked: !marked.is_empty(),
        }
    }
}

/// Ends an item and claims up to so many while so many run, and marks further ones as claimed, up to
/// the `ahead`th that is due.
pub(super) async fn turn(
    hand: &mut Hand,
    ends: Claim,
    (items, running): (i64, i64),
    ahead: i64,
) -> Turned {
    let turn = sqlx::query(hand.sql("turn"))
        .bind(hand.worker)
        .bind([POOL])
        .bind([items])
        .bind([running])
        .bind(["epoch"])
        .bind(ALL)
        .bind([false])
        .bind(ends.fence)
        .bind([ends.id])
        .bind(["7"])
        .bind([ahead]);
    Turned::read(&turn.fetch_all(&mut hand.conn).await.unwrap())
}

/// The same, of what is marked.
async fn next(hand: &mut Hand, ends: Claim, (items, running): (i64, i64)) -> Turned {
    let turn = sqlx::query(hand.sql("next_turn"))
        .bind(hand.worker)
        .bind(POOL)
        .bind(items)
        .bind(running)
        .bind("epoch")
        .bind(ALL)
        .bind(ends.fence)
        .bind([ends.id])
        .bind(["7"]);
    Turned::read(&turn.fetch_all(&mut hand.conn).await.unwrap())
}

/// Lets all items be due for so long that a claim of them marks no further than it goes.
async fn have_waited(workpool: &Workpool) {
    let earlier = "UPDATE workpool.work SET run_at = run_at - interval '1 second'";
    sqlx::query(earlier).execute(workpool.db()).await.unwrap();
}

/// A worker with so many slots, two of which are in use, and eight items that wait.
async fn worker(workpool: &Workpool, slots: i64) -> (Hand, Vec<Claim>) {
    workpool.pool(POOL).set_max_parallelism(u32::try_from(slots).unwrap()).await.unwrap();
    for _ in 0..10 {
        enqueued(workpool, Kind::Again).await;
    }
    have_waited(workpool).await;
    let mut worker = Hand::with_slots(workpool, POOL, slots).await;
    let claimed = worker.claim(POOL, 2, 0, &ALL).await;
    (worker, claimed)
}

#[tokio::test]
async fn a_pause_waits_for_it_and_nothing_is_claimed_afterwards() {
    let db = database().await;
    let workpool = db.workpool();
    let (mut one, first) = worker(workpool, 2).await;
    let Turned { claimed, .. } = turn(&mut one, first[0], (1, 1), 6).await;
    let mut pausing = Hand::new(workpool).await;
    one.begin().await;
    let of_one = next(&mut one, first[1], (1, 1)).await;
    assert_eq!((of_one.ended, of_one.claimed.len()), (true, 1));
    let backend = pausing.backend();
    in_order(backend, pausing.resize(POOL, None, Some(true)), one.commit()).await;
    let after = next(&mut one, claimed[0], (1, 1)).await;
    assert!(after.ended && after.claimed.is_empty(), "a start after the pause");
}

#[tokio::test]
async fn it_takes_no_more_than_the_slots() {
    let db = database().await;
    let workpool = db.workpool();
    let (mut worker, first) = worker(workpool, 3).await;
    let Turned { claimed, .. } = turn(&mut worker, first[0], (1, 1), 6).await;
    assert_eq!(next(&mut worker, claimed[0], (5, 1)).await.claimed.len(), 2);
}

#[tokio::test]
async fn an_end_of_a_superseded_attempt_is_refused_there_too() {
    let db = database().await;
    let (mut worker, claims) = worker(db.workpool(), 2).await;
    assert!(worker.release(claims[0], false).await, "as after a lost answer");
    let again = worker.claim_one(POOL, &ALL).await;
    assert_eq!(again.id, claims[0].id);
    let nothing = Turned { ended: false, claimed: Vec::new(), marked: false };
    assert_eq!(next(&mut worker, claims[0], (0, 2)).await, nothing);
    assert!(next(&mut worker, again, (0, 2)).await.ended);
}

#[tokio::test]
async fn what_it_claims_is_found_when_its_worker_dies() {
    const HELD: &str = "SELECT count(*) FROM workpool.work WHERE worker IS NOT NULL";
    let db = database().await;
    let workpool = db.workpool();
    let (mut dead, first) = worker(workpool, 20).await;
    let before = turn(&mut dead, first[0], (1, 1), 4).await;
    assert!(before.marked, "so many are due");
    let few = turn(&mut dead, before.claimed[0], (0, 2), 9).await;
    assert!(!few.marked, "so many are not");
    let claimed = next(&mut dead, first[1], (20, 0)).await.claimed;
    assert_eq!(claimed.len(), 4, "those up to the mark, of seven");
    dead.expire().await;
    dead.bury(&[dead.worker]).await;
    let found = dead.abandoned(dead.worker).await;
    assert_eq!(i64::try_from(found.len()).unwrap(), count(workpool, HELD).await);
}

#[tokio::test]
async fn ends_and_claims_whose_answer_is_lost_are_neither_lost_nor_doubled() {
    for loses in [Loses::Answer, Loses::Statement] {
        let line = Line::new().await;
        line.world.limit(8).await;
        let mut queue = Vec::new();
        for kind in [Kind::Once, Kind::Again].into_iter().cycle().take(500) {
            queue.push(enqueue_plain(line.world.workpool(), kind, How::Takes(0)).await);
        }
        line.proxy.arm(line.loses(loses, "next_turn").with_rows());
        let worker = line.worker().await;
        line.mended(&queue).await;
        worker.shutdown().await;
        audit::nobody_is_left(&line.world).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_limit_holds_while_it_is_changed_between_them() {
    const ENDED: &str = "SELECT count(*) FROM workpool.finished";
    let world = World::new().await;
    world.limit(64).await;
    let mut queue = Vec::new();
    for _ in 0..6000 {
        queue.push(enqueue_plain(world.workpool(), Kind::Again, How::Takes(0)).await);
    }
    let worker = world.worker_here().start().await.unwrap();
    for limit in [0, 64, 100, 0, 70, 64, 0, 128] {
        let ended = world.count(ENDED).await;
        world.limit(limit).await;
        eventually("it goes on", async || limit == 0 || world.count(ENDED).await > ended + 200)
            .await;
    }
    world.quiet(Duration::from_mins(1)).await;
    worker.shutdown().await;
    assert_eq!(audit::check(&world, &queue).await.succeeded, queue.len());
    assert!(audit::peak(&world).await > 64, "the limit was raised in vain");
}

/// Has what waits fall due just now.
async fn fall_due(workpool: &Workpool) {
    let due = "UPDATE workpool.work SET run_at = statement_timestamp() WHERE worker IS NULL";
    sqlx::query(due).execute(workpool.db()).await.unwrap();
}

#[tokio::test]
async fn a_claim_of_what_has_just_come_marks_what_comes_within_a_moment() {
    let db = database().await;
    let workpool = db.workpool();
    workpool.pool(POOL).set_max_parallelism(8).await.unwrap();
    let mut worker = Hand::with_slots(workpool, POOL, 8).await;
    let mark = async || {
        let mark = sqlx::query_scalar::<_, String>("SELECT claimed_to::text FROM workpool.slots");
        mark.fetch_one(workpool.db()).await.unwrap()
    };
    let (mut claimed, mut unmarked) = (Vec::new(), 0);
    // On a busy machine the moment may be over.
    for _ in 0..4 {
        for _ in 0..2 {
            enqueued(workpool, Kind::Again).await;
        }
        fall_due(workpool).await;
        claimed.push(worker.claim_one(POOL, &ALL).await);
        let before = mark().await;
        claimed.push(worker.claim_one(POOL, &ALL).await);
        unmarked += i32::from(mark().await == before);
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    assert!(unmarked > 0, "each claim has written how far it went");
    worker.expire().await;
    worker.bury(&[worker.worker]).await;
    let mut found = worker.abandoned(worker.worker).await;
    found.sort_unstable_by_key(|claim| claim.id);
    claimed.sort_unstable_by_key(|claim| claim.id);
    assert_eq!(found, claimed, "also what came when the moment was over");
}

#[tokio::test]
async fn a_claim_of_what_has_waited_marks_nothing_further() {
    const AHEAD: &str = "SELECT count(*) FROM workpool.slots s JOIN workpool.work w
        ON w.pool = s.pool AND w.worker IS NULL AND (w.run_at, w.id) <= (s.claimed_to, s.claimed_id)";
    let db = database().await;
    let workpool = db.workpool();
    for _ in 0..3 {
        enqueued(workpool, Kind::Again).await;
    }
    have_waited(workpool).await;
    let mut worker = Hand::with_slots(workpool, POOL, 3).await;
    worker.claim_one(POOL, &ALL).await;
    assert_eq!(count(workpool, AHEAD).await, 0, "recovery would walk over a long queue in vain");
}

#[tokio::test]
async fn a_pause_waits_for_a_claim_that_writes_no_mark_too() {
    let db = database().await;
    let workpool = db.workpool();
    for _ in 0..3 {
        enqueued(workpool, Kind::Again).await;
    }
    let mut worker = Hand::with_slots(workpool, POOL, 3).await;
    let marked = "UPDATE workpool.slots SET claimed_to = 'infinity', asleep = false";
    sqlx::query(marked).execute(workpool.db()).await.unwrap();
    let mut pausing = Hand::new(workpool).await;
    worker.begin().await;
    worker.claim_one(POOL, &ALL).await;
    let backend = pausing.backend();
    in_order(backend, pausing.resize(POOL, None, Some(true)), worker.commit()).await;
    assert!(worker.claim(POOL, 1, 2, &ALL).await.is_empty(), "a start after the pause");
}
