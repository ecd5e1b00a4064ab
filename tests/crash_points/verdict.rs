//! Holds what came of a case against the table, and against what must hold in every case.

use sqlx::postgres::PgPool;
use uuid::Uuid;
use workpool::sqlx;

use crate::case::{Case, Kind};
use crate::lane::Lane;
use crate::table::End;

/// How an item ended.
#[derive(Debug)]
struct Finished {
    outcome: i16,
    attempts: i32,
    error: Option<String>,
}

async fn finished(db: &PgPool, item: Uuid) -> Finished {
    let (outcome, attempts, error) = sqlx::query_as(
        "SELECT outcome, attempts, CASE WHEN outcome = 1 THEN errors[array_upper(errors, 1)]->>'kind' END AS error
        FROM workpool.finished WHERE id = $1",
    )
    // The types of its columns go with the schema, which some cases make anew.
    .persistent(false)
    .bind(item)
    .fetch_one(db)
    .await
    .unwrap();
    Finished { outcome, attempts, error }
}

async fn rows(db: &PgPool, sql: &'static str, item: Uuid) -> i64 {
    sqlx::query_scalar(sql).bind(item).fetch_one(db).await.unwrap()
}

fn end(finished: &Finished) -> End {
    match (finished.outcome, finished.error.as_deref()) {
        (0, _) => End::Success,
        (1, Some("lost")) => End::Failed("lost"),
        (1, Some("error")) => End::Failed("error"),
        (1, Some("panic")) => End::Failed("panic"),
        (2, _) => End::Canceled,
        _ => panic!("an odd end: {finished:?}"),
    }
}

/// The item of the case: as the table says, once, with its effects and its callback.
pub(crate) async fn check(lane: &Lane, item: Uuid, case: &Case) {
    let (found, expected) = (once(lane, item).await, case.expected());
    let more = found.attempts - expected.attempts;
    let good = end(&found) == expected.end && (0..=case.spare()).contains(&more);
    assert!(good, "it ended like this: {found:?}, and not like that: {expected:?}");
    let entries = lane.notes().entries(item).len();
    let booked =
        rows(lane.workpool.db(), "SELECT count(*) FROM ledger WHERE work = $1", item).await;
    match case.kind {
        Kind::Book => assert_eq!(booked, i64::from(expected.end == End::Success), "its effects"),
        Kind::Again | Kind::Once => {
            assert_eq!(entries, expected.entries + usize::try_from(more).unwrap(), "its entries");
        }
    }
}

/// Of many that are alike one is the item of the case, which the table is about; the others succeed
/// at their first attempt.
pub(crate) async fn check_group(lane: &Lane, items: &[Uuid], case: &Case) {
    let (db, expected) = (lane.workpool.db(), case.expected());
    let (mut attempts, mut unlike) = (0, Vec::new());
    for item in items {
        let found = finished(db, *item).await;
        let ends = rows(db, "SELECT count(*) FROM audit_ends WHERE work = $1", *item).await;
        let booked = rows(db, "SELECT count(*) FROM ledger WHERE work = $1", *item).await;
        let effects = i64::from(end(&found) == End::Success);
        assert_eq!((ends, booked), (1, effects), "its ends and effects: {found:?}");
        attempts += found.attempts - 1;
        if end(&found) != End::Success {
            unlike.push(end(&found));
        }
    }
    let failed = (expected.end != End::Success).then_some(expected.end);
    assert_eq!(unlike, Vec::from_iter(failed), "who did not succeed");
    let more = attempts - (expected.attempts - 1);
    assert!((0..=case.spare()).contains(&more), "{attempts} further attempts: {expected:?}");
}

/// An item that came after the fault succeeds, whatever happened before.
pub(crate) async fn check_bystander(lane: &Lane, item: Uuid) {
    let found = once(lane, item).await;
    assert_eq!(end(&found), End::Success, "the bystander: {found:?}");
    let booked =
        rows(lane.workpool.db(), "SELECT count(*) FROM ledger WHERE work = $1", item).await;
    assert_eq!(booked, 1, "the bystander's effects");
}

pub(crate) fn entered_once(lane: &Lane, item: Uuid) {
    assert_eq!(lane.notes().entries(item).len(), 1, "entries");
}

/// It ended once, and its callback took effect once and was told the truth.
async fn once(lane: &Lane, item: Uuid) -> Finished {
    let db = lane.workpool.db();
    let found = finished(db, item).await;
    let ends = rows(db, "SELECT count(*) FROM audit_ends WHERE work = $1", item).await;
    assert_eq!(ends, 1, "its ends");
    let calls: Vec<(String, Option<String>, i32)> =
        sqlx::query_as("SELECT outcome, failure, attempts FROM callback_ledger WHERE work = $1")
            .bind(item)
            .fetch_all(db)
            .await
            .unwrap();
    let [(outcome, failure, attempts)] = &*calls else {
        panic!("its callback took effect {} times", calls.len())
    };
    let ended = ["success", "failed", "canceled"][usize::try_from(found.outcome).unwrap()];
    let failure = failure.as_deref().map(str::to_lowercase);
    assert_eq!(
        (&**outcome, *attempts, failure.as_deref()),
        (ended, found.attempts, found.error.as_deref()),
        "its callback was told something else: {found:?}"
    );
    found
}

/// The limit was kept, and nothing is left.
pub(crate) async fn check_lane(lane: &Lane) {
    for (sql, what) in [
        ("SELECT count(*) FROM audit_breaches", "starts beyond the limit"),
        ("SELECT count(*) FROM workpool.work", "items that have not ended"),
        ("SELECT count(*) FROM workpool.callbacks", "callbacks that are not done"),
        ("SELECT count(*) FROM workpool.workers", "workers that are still registered"),
        ("SELECT count(*) FROM workpool.slots", "slots that somebody holds"),
    ] {
        assert_eq!(lane.count(sql).await, 0, "{what}");
    }
}
