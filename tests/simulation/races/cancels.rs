//! A cancel against everything else that happens to the item: the row lock decides, and the answer
//! is what came of it.

use std::time::Duration;

use workpool::{Cancel, Status};

use super::{ALL, POOL, count, database, ends, enqueued, in_order};
use crate::audit::Kind;
use crate::hand::{End, Hand};

/// Cancels in a transaction of its own, on a backend that can be watched.
macro_rules! cancel {
    ($workpool:expr, $hand:expr, $id:expr) => {
        async { $workpool.within(&mut $hand.conn).cancel($id).await.unwrap() }
    };
}

#[tokio::test]
async fn a_cancel_that_waited_for_a_claim_finds_it_running() {
    let db = database().await;
    let workpool = db.workpool();
    let id = enqueued(workpool, Kind::Once).await;
    let mut worker = Hand::with_slots(workpool, POOL, 1).await;
    let mut caller = Hand::new(workpool).await;
    worker.begin().await;
    worker.claim_one(POOL, &ALL).await;
    let backend = caller.backend();
    let answer = in_order(backend, cancel!(workpool, caller, id), worker.commit()).await;
    assert_eq!(answer, Cancel::Requested);
    let status = workpool.status(id).await.unwrap().unwrap();
    assert!(matches!(status, Status::Running { cancel_requested: true, .. }), "{status:?}");
    assert_eq!(ends(workpool, id).await, (None, vec![]));
}

#[tokio::test]
async fn a_cancel_that_waited_for_a_claim_without_a_commit_prevents_the_start() {
    let db = database().await;
    let workpool = db.workpool();
    let id = enqueued(workpool, Kind::Once).await;
    let mut worker = Hand::with_slots(workpool, POOL, 1).await;
    let mut caller = Hand::new(workpool).await;
    worker.begin().await;
    worker.claim_one(POOL, &ALL).await;
    let backend = caller.backend();
    let answer = in_order(backend, cancel!(workpool, caller, id), worker.roll_back()).await;
    assert_eq!(answer, Cancel::Canceled);
    assert!(worker.claim(POOL, 1, 0, &ALL).await.is_empty());
    assert_eq!(ends(workpool, id).await, (Some(2), vec![2]));
}

#[tokio::test]
async fn what_an_open_transaction_has_canceled_is_not_claimed_unless_it_rolls_back() {
    for commits in [true, false] {
        let db = database().await;
        let workpool = db.workpool();
        let id = enqueued(workpool, Kind::Once).await;
        let mut worker = Hand::with_slots(workpool, POOL, 1).await;
        let mut tx = workpool.db().begin().await.unwrap();
        assert_eq!(workpool.within(&mut tx).cancel(id).await.unwrap(), Cancel::Canceled);
        assert!(worker.claim(POOL, 1, 0, &ALL).await.is_empty(), "it is locked");
        if commits {
            tx.commit().await.unwrap();
            assert!(worker.claim(POOL, 1, 0, &ALL).await.is_empty());
            assert_eq!(ends(workpool, id).await, (Some(2), vec![2]));
        } else {
            tx.rollback().await.unwrap();
            assert_eq!(worker.claim_one(POOL, &ALL).await.id, id.uuid());
        }
    }
}

#[tokio::test]
async fn a_cancel_that_waited_for_an_end_finds_it_finished() {
    let db = database().await;
    let workpool = db.workpool();
    let id = enqueued(workpool, Kind::Book).await;
    let mut worker = Hand::with_slots(workpool, POOL, 1).await;
    let mut caller = Hand::new(workpool).await;
    let claim = worker.claim_one(POOL, &ALL).await;
    worker.begin().await;
    assert!(worker.finish(claim, End::Success).await);
    let backend = caller.backend();
    let answer = in_order(backend, cancel!(workpool, caller, id), worker.commit()).await;
    assert_eq!(answer, Cancel::AlreadyFinished);
    assert_eq!(ends(workpool, id).await, (Some(0), vec![0]));
}

#[tokio::test]
async fn a_cancel_that_waited_for_an_end_without_a_commit_is_a_request() {
    let db = database().await;
    let workpool = db.workpool();
    let id = enqueued(workpool, Kind::Book).await;
    let mut worker = Hand::with_slots(workpool, POOL, 1).await;
    let mut caller = Hand::new(workpool).await;
    let claim = worker.claim_one(POOL, &ALL).await;
    worker.begin().await;
    assert!(worker.finish(claim, End::Success).await);
    let backend = caller.backend();
    let answer = in_order(backend, cancel!(workpool, caller, id), worker.roll_back()).await;
    assert_eq!(answer, Cancel::Requested);
    assert!(worker.finish(claim, End::Success).await, "a success stays a success");
    assert_eq!(ends(workpool, id).await, (Some(0), vec![0]));
}

#[tokio::test]
async fn a_cancel_that_waited_for_a_retry_ends_what_waits_for_its_next_attempt() {
    let db = database().await;
    let workpool = db.workpool();
    let id = enqueued(workpool, Kind::Again).await;
    let mut worker = Hand::with_slots(workpool, POOL, 1).await;
    let mut caller = Hand::new(workpool).await;
    let claim = worker.claim_one(POOL, &ALL).await;
    worker.begin().await;
    assert!(worker.retry(claim, Duration::from_mins(1)).await);
    let backend = caller.backend();
    let answer = in_order(backend, cancel!(workpool, caller, id), worker.commit()).await;
    assert_eq!(answer, Cancel::Canceled);
    assert_eq!(ends(workpool, id).await, (Some(2), vec![2]));
}

#[tokio::test]
async fn a_retry_that_waited_for_a_cancel_is_left_out_and_ends_as_canceled() {
    let db = database().await;
    let workpool = db.workpool();
    let id = enqueued(workpool, Kind::Again).await;
    let mut worker = Hand::with_slots(workpool, POOL, 1).await;
    let claim = worker.claim_one(POOL, &ALL).await;
    let mut tx = workpool.db().begin().await.unwrap();
    assert_eq!(workpool.within(&mut tx).cancel(id).await.unwrap(), Cancel::Requested);
    let backend = worker.backend();
    let commit = async { tx.commit().await.unwrap() };
    let again = in_order(backend, worker.retry(claim, Duration::ZERO), commit).await;
    assert!(!again, "there is no further attempt");
    assert!(worker.finish(claim, End::Canceled).await);
    assert_eq!(ends(workpool, id).await, (Some(2), vec![2]));
}

#[tokio::test]
async fn cancels_of_the_same_items_in_opposite_orders_do_not_lock_one_another_out() {
    let db = database().await;
    let workpool = db.workpool();
    for _ in 0..200 {
        enqueued(workpool, Kind::Once).await;
    }
    let all = || async { workpool.pool(POOL).cancel_all().run().await.unwrap() };
    let (one, two, three) = tokio::join!(all(), all(), all());
    assert_eq!(one.canceled + two.canceled + three.canceled, 200);
    let calls = count(workpool, "SELECT count(*) FROM workpool.callbacks WHERE outcome = 2").await;
    assert_eq!(calls, 200, "each is called back once");
}

#[tokio::test]
async fn a_cancel_locks_its_items_in_order_however_they_are_named() {
    let db = database().await;
    let workpool = db.workpool();
    let mut ids = Vec::new();
    for _ in 0..2 {
        ids.push(enqueued(workpool, Kind::Once).await.uuid());
    }
    ids.sort();
    let mut gate = Hand::new(workpool).await;
    gate.begin().await;
    let lock = "SELECT id FROM workpool.work WHERE id = $1 FOR UPDATE NOWAIT";
    sqlx::query(lock).bind(ids[0]).execute(&mut gate.conn).await.unwrap();
    let mut late = Hand::new(workpool).await;
    let backend = late.backend();
    let cancel =
        sqlx::query(late.sql("cancel")).bind([ids[1], ids[0]]).bind("workpool_workpool").bind(true);
    let meanwhile = async {
        let free = sqlx::query(lock).bind(ids[1]).execute(workpool.db()).await;
        free.expect("it waits for the first, and holds nothing meanwhile");
        gate.commit().await;
    };
    let canceled = in_order(backend, cancel.fetch_all(&mut late.conn), meanwhile).await;
    assert_eq!(canceled.unwrap().len(), 2);
}

#[tokio::test]
async fn a_cancel_of_what_waits_leaves_alone_what_a_claim_has_taken_meanwhile() {
    let db = database().await;
    let workpool = db.workpool();
    let id = enqueued(workpool, Kind::Again).await;
    // It waited when it was looked for.
    let mut worker = Hand::with_slots(workpool, POOL, 1).await;
    worker.claim_one(POOL, &ALL).await;
    let mut late = Hand::new(workpool).await;
    let cancel =
        sqlx::query(late.sql("cancel")).bind([id.uuid()]).bind("workpool_workpool").bind(false);
    assert_eq!(cancel.fetch_all(&mut late.conn).await.unwrap().len(), 0);
    let told = "SELECT count(*) FROM workpool.work WHERE cancel_requested";
    assert_eq!(count(workpool, told).await, 0);
}
