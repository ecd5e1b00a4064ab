//! A pool whose slots are all in use: its ends are written with the claims into the slots that they
//! leave.

use sqlx::AssertSqlSafe;
use workpool::{OutcomeKind, WorkId};
use workpool_tests::{Stage, eventually};

use crate::functions::{gated, outcome, supersede};

/// A queue in front of so many slots.
async fn queue(stage: &Stage, slots: u32, names: &[&str]) -> Vec<WorkId<()>> {
    stage.workpool().pool("gated").set_max_parallelism(slots).await.unwrap();
    let mut queue = Vec::new();
    for name in names {
        queue.push(gated::enqueue(stage.workpool(), (*name).into()).await.unwrap());
    }
    queue
}

/// The transaction that wrote a row.
async fn writer(stage: &Stage, table: &str, id: WorkId<()>) -> Option<String> {
    let sql = AssertSqlSafe(format!("SELECT xmin::text FROM workpool.{table} WHERE id = $1"));
    let db = stage.workpool().db();
    sqlx::query_scalar(sql).bind(id.uuid()).fetch_optional(db).await.unwrap()
}

#[tokio::test]
async fn an_end_and_the_claim_into_its_slot_are_one_transaction() {
    let stage = Stage::new().await;
    let names = ["a", "b", "c", "d", "e"];
    let items = queue(&stage, 1, &names).await;
    let worker = stage.start().await;
    stage.gates.arrived("a", 1).await;
    let mut shared = 0;
    for next in 1..names.len() {
        stage.gates.open(names[next - 1]);
        stage.gates.arrived(names[next], 1).await;
        let ended = writer(&stage, "finished", items[next - 1]).await.unwrap();
        shared += usize::from(writer(&stage, "work", items[next]).await == Some(ended));
    }
    // The worker may still be busy with a claim when the item ends already.
    assert!(shared > 0, "each end had a transaction of its own");
    stage.gates.open("e");
    worker.shutdown().await;
}

#[tokio::test]
async fn a_locked_item_keeps_neither_others_from_ending_nor_the_slots_from_being_used() {
    let stage = Stage::new().await;
    let items = queue(&stage, 2, &["locked", "other", "next"]).await;
    let worker = stage.start().await;
    stage.gates.arrived("locked", 1).await;
    stage.gates.arrived("other", 1).await;
    let mut tx = stage.workpool().db().begin().await.unwrap();
    sqlx::query("SELECT id FROM workpool.work WHERE id = $1 FOR UPDATE")
        .bind(items[0].uuid())
        .execute(&mut *tx)
        .await
        .unwrap();
    stage.gates.open("locked");
    stage.gates.open("other");
    stage.gates.arrived("next", 1).await;
    assert_eq!(outcome(&stage, items[1]).await, Some(OutcomeKind::Success));
    assert_eq!(outcome(&stage, items[0]).await, None);
    tx.rollback().await.unwrap();
    let ended = async || outcome(&stage, items[0]).await == Some(OutcomeKind::Success);
    eventually("the item that was locked ends", ended).await;
    stage.gates.open("next");
    worker.shutdown().await;
}

#[tokio::test]
async fn an_end_that_comes_too_late_is_refused() {
    let stage = Stage::new().await;
    let names = ["a", "b", "c", "d", "e"];
    let items = queue(&stage, 1, &names).await;
    let worker = stage.start().await;
    for (item, name) in items.iter().zip(names) {
        stage.gates.arrived(name, 1).await;
        supersede(&stage, *item).await;
        stage.gates.open(name);
    }
    let last = queue(&stage, 1, &["last"]).await;
    stage.gates.arrived("last", 1).await;
    for item in items {
        assert_eq!(outcome(&stage, item).await, None);
    }
    stage.gates.open("last");
    stage.workpool().result(last[0]).await.unwrap();
    worker.shutdown().await;
}
