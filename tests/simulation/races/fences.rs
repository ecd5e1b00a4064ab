//! The fence: the id, the worker, and the number of the claim.

use std::time::Duration;

use workpool::Status;

use super::{ALL, POOL, count, database, ends, enqueued, in_order};
use crate::audit::Kind;
use crate::functions::{How, Task};
use crate::hand::{Claim, End, Hand};
use crate::load::one;

const SOON: Duration = Duration::ZERO;

#[tokio::test]
async fn what_a_superseded_attempt_writes_changes_nothing() {
    let db = database().await;
    let workpool = db.workpool();
    let id = enqueued(workpool, Kind::Again).await;
    let mut late = Hand::with_slots(workpool, POOL, 1).await;
    let mut next = Hand::with_slots(workpool, POOL, 1).await;
    let first = late.claim_one(POOL, &ALL).await;
    assert_eq!(first, Claim::new(id.uuid(), 1, 1));
    assert!(late.retry(first, SOON).await, "as recovery does");
    let second = next.claim_one(POOL, &ALL).await;
    assert_eq!(second, Claim::new(id.uuid(), 2, 2));
    for stale in [first, second] {
        for end in [End::Success, End::Failed, End::Canceled] {
            assert!(!late.finish(stale, end).await, "{end:?} of {stale:?}");
        }
        assert!(!late.succeed_and_call(stale, &["told"]).await, "{stale:?}");
        assert!(!late.retry(stale, SOON).await && !late.release(stale, false).await);
    }
    assert!(!next.finish(first, End::Success).await, "nor an old attempt of its own");
    assert!(!next.succeed_and_call(first, &["told"]).await);
    assert_eq!(ends(workpool, id).await, (None, vec![]));
    let status = workpool.status(id).await.unwrap().unwrap();
    assert!(matches!(status, Status::Running { previous_attempts: 1, .. }), "{status:?}");

    assert!(next.finish(second, End::Success).await);
    assert!(!next.finish(second, End::Success).await, "sent again, it finds nothing");
    assert!(!next.finish(second, End::Failed).await);
    assert_eq!(ends(workpool, id).await, (Some(0), vec![0]));
}

#[tokio::test]
async fn a_release_that_is_sent_again_does_not_take_a_later_claim_away() {
    let db = database().await;
    let workpool = db.workpool();
    let id = enqueued(workpool, Kind::Once).await;
    let mut worker = Hand::with_slots(workpool, POOL, 1).await;
    let first = worker.claim_one(POOL, &ALL).await;
    assert!(worker.release(first, false).await, "never entered; the answer is lost");
    let second = worker.claim_one(POOL, &ALL).await;
    assert_eq!(second.attempt, 1, "what was never entered does not count");
    // It is entered now. The end of the first claim comes once more.
    assert!(!worker.release(first, false).await, "the claim {second:?} was taken away");
    let status = workpool.status(id).await.unwrap().unwrap();
    assert!(status.is_running(), "{status:?}");
}

#[tokio::test]
async fn an_id_that_is_enqueued_again_while_its_item_ends_is_not_stored_again() {
    let db = database().await;
    let workpool = db.workpool();
    let id = enqueued(workpool, Kind::Once).await;
    let mut worker = Hand::with_slots(workpool, POOL, 1).await;
    let claim = worker.claim_one(POOL, &ALL).await;
    worker.begin().await;
    assert!(worker.finish(claim, End::Success).await);
    let mut caller = Hand::new(workpool).await;
    caller.begin().await;
    let backend = caller.backend();
    let within = workpool.within(&mut caller.conn);
    let task = Task { how: How::Takes(0), fails: 0 };
    in_order(backend, one(&within, Kind::Once, id, task), worker.commit()).await;
    drop(within);
    caller.commit().await;
    assert_eq!(count(workpool, "SELECT count(*) FROM workpool.work").await, 0);
    assert_eq!(ends(workpool, id).await, (Some(0), vec![0]));
}

#[tokio::test]
async fn an_end_and_its_callback_are_one_commit() {
    let db = database().await;
    let workpool = db.workpool();
    let id = enqueued(workpool, Kind::Book).await;
    let mut worker = Hand::with_slots(workpool, POOL, 1).await;
    let claim = worker.claim_one(POOL, &ALL).await;

    let mut dying = worker.twin(workpool).await;
    dying.begin().await;
    assert!(dying.finish(claim, End::Success).await);
    assert_eq!(ends(workpool, id).await, (None, vec![]), "nobody sees it yet");
    dying.backend().terminate().await;
    // Waits for what is left of that transaction, if anything.
    assert!(worker.finish(claim, End::Failed).await);
    assert_eq!(ends(workpool, id).await, (Some(1), vec![1]));
}

#[tokio::test]
async fn an_end_that_was_rolled_back_has_not_happened() {
    let db = database().await;
    let workpool = db.workpool();
    let id = enqueued(workpool, Kind::Book).await;
    let mut worker = Hand::with_slots(workpool, POOL, 1).await;
    let claim = worker.claim_one(POOL, &ALL).await;
    worker.begin().await;
    assert!(worker.succeed_and_call(claim, &["told"]).await);
    worker.roll_back().await;
    assert_eq!(ends(workpool, id).await, (None, vec![]));
    assert!(workpool.status(id).await.unwrap().unwrap().is_running());
    assert_eq!(count(workpool, "SELECT count(*) FROM workpool.callbacks").await, 0);
}

#[tokio::test]
async fn a_callback_is_ended_by_its_latest_attempt_only() {
    let db = database().await;
    let workpool = db.workpool();
    let id = enqueued(workpool, Kind::Book).await;
    let mut late = Hand::with_slots(workpool, POOL, 1).await;
    let claim = late.claim_one(POOL, &ALL).await;
    assert!(late.succeed_and_call(claim, &["told"]).await);
    let mut heir = Hand::new(workpool).await;
    heir.register(POOL).await;
    assert!(heir.claim_callbacks(&["told"]).await.is_empty(), "it is the first one's");
    late.expire().await;
    assert_eq!(heir.bury(&[late.worker]).await, [late.worker]);
    heir.inter(late.worker).await;
    let [again] = *heir.claim_callbacks(&["told"]).await else { panic!("it is not free") };
    let stale = Claim::new(id.uuid(), 1, 1);
    assert!(again.fence > stale.fence, "{again:?}");
    assert!(!late.finish_callback(stale).await && !late.finish_callback(again).await);
    assert!(!heir.finish_callback(stale).await);
    assert!(heir.finish_callback(again).await);
    assert!(!heir.finish_callback(again).await, "sent again, it finds nothing");
}

#[tokio::test]
async fn a_callback_outlives_the_end_that_it_tells_of() {
    let db = database().await;
    let workpool = db.workpool();
    let id = enqueued(workpool, Kind::Once).await;
    let mut worker = Hand::with_slots(workpool, POOL, 1).await;
    let claim = worker.claim_one(POOL, &ALL).await;
    assert!(worker.finish(claim, End::Success).await);
    let expire = "UPDATE workpool.finished SET expires_at = 'epoch'";
    sqlx::query(expire).execute(workpool.db()).await.unwrap();
    worker.prune().await;
    assert_eq!(ends(workpool, id).await, (None, vec![0]));
}
