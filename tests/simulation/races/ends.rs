//! The common end, alone and together with a claim: as conditional as any other.

use uuid::Uuid;

use super::{ALL, POOL, count, database, ends, enqueued, marks};
use crate::audit::Kind;
use crate::functions::{How, Task};
use crate::hand::{Claim, Hand};
use crate::load::{one, plain_id};

/// Whether it was this worker's to end.
async fn succeed(hand: &mut Hand, claim: Claim) -> bool {
    let query = sqlx::query_scalar(hand.sql("succeed")).bind(hand.worker).bind(claim.fence);
    let query = query.bind([claim.id]).bind(["7"]);
    let ended: Vec<Uuid> = query.fetch_one(&mut hand.conn).await.unwrap();
    !ended.is_empty()
}

/// Ends an item, and claims up to so many while so many run: whether it has ended, and the claims.
async fn turn(hand: &mut Hand, claim: Claim, items: i64, running: i64) -> (bool, Vec<Uuid>) {
    let turned = marks::turn(hand, claim, (items, running), 0).await;
    (turned.ended, turned.claimed.iter().map(|claim| claim.id).collect())
}

#[tokio::test]
async fn a_common_end_of_a_superseded_attempt_is_refused_alone_and_with_a_claim() {
    let db = database().await;
    let workpool = db.workpool();
    let id = plain_id();
    one(workpool, Kind::Again, id, Task { how: How::Takes(0), fails: 0 }).await;
    let mut late = Hand::with_slots(workpool, POOL, 1).await;
    let mut next = Hand::with_slots(workpool, POOL, 1).await;
    let first = late.claim_one(POOL, &ALL).await;
    assert!(late.release(first, false).await, "as after a lost answer");
    let second = next.claim_one(POOL, &ALL).await;
    for stale in [first, Claim { fence: second.fence, ..first }] {
        assert!(!succeed(&mut late, stale).await, "{stale:?}");
        assert_eq!(turn(&mut late, stale, 1, 0).await, (false, vec![]), "{stale:?}");
    }
    assert!(!succeed(&mut next, first).await, "nor an old claim of its own");
    assert_eq!(turn(&mut next, first, 0, 1).await, (false, vec![]));
    assert_eq!(ends(workpool, id).await, (None, vec![]));
    assert!(succeed(&mut next, second).await && !succeed(&mut next, second).await);
    assert_eq!(ends(workpool, id).await, (Some(0), vec![]));
}

#[tokio::test]
async fn a_claim_with_an_end_takes_no_more_than_the_slots() {
    const RUNNING: &str = "SELECT count(*) FROM workpool.work WHERE worker IS NOT NULL";
    let db = database().await;
    let workpool = db.workpool();
    for _ in 0..5 {
        enqueued(workpool, Kind::Again).await;
    }
    let mut worker = Hand::with_slots(workpool, POOL, 2).await;
    let claims = worker.claim(POOL, 2, 0, &ALL).await;
    let (ended, claimed) = turn(&mut worker, claims[0], 5, 1).await;
    assert!(ended && claimed.len() == 1, "{claimed:?} into one slot");
    let (ended, claimed) = turn(&mut worker, claims[0], 5, 2).await;
    assert!(!ended && claimed.is_empty(), "{claimed:?} into none");
    assert_eq!(count(workpool, RUNNING).await, 2);
}
