//! Section 3: enqueue, in and out of transactions, one by one and in batches.

use std::time::Duration;

use workpool::{ActionCtx, Error, MutationCtx, Status, WorkId, action, mutation};
use workpool_tests::{Gates, Stage, Witness};

use crate::functions::{echo, end_of, gated, note, write};

/// Enqueues a note, and fails.
#[action(pool = "planting")]
async fn plant(ctx: &ActionCtx) -> anyhow::Result<()> {
    note::enqueue(ctx, "planted".into()).await?;
    anyhow::bail!("after planting")
}

/// Enqueues between its statements.
#[mutation(pool = "planting")]
async fn plant_many(ctx: &mut MutationCtx<'_>, fail: bool) -> anyhow::Result<Vec<WorkId<()>>> {
    write(ctx, "before").await?;
    let first = note::enqueue(ctx, "planted".into()).await?;
    write(ctx, "between").await?;
    let second = note::enqueue(ctx, "planted".into()).await?;
    let batch = note::enqueue_batch(ctx, ["planted".into(), "planted".into()]).await?;
    write(ctx, "after").await?;
    anyhow::ensure!(!fail, "after all");
    Ok([vec![first, second], batch].concat())
}

/// Enqueues after it has been superseded.
#[action(pool = "planting")]
async fn plant_late(ctx: &ActionCtx) -> anyhow::Result<()> {
    ctx.state::<Gates>().pass("planting").await;
    let answer = note::enqueue(ctx, "planted".into()).await;
    ctx.state::<Witness>().saw(answer.unwrap_err().to_string());
    Ok(())
}

#[tokio::test]
async fn work_enqueued_in_a_transaction_of_its_own_is_run() {
    let stage = Stage::new().await;
    let _worker = stage.start().await;
    let id = echo::enqueue(stage.workpool(), "hello".into()).await.unwrap();
    assert_eq!(stage.workpool().result(id).await.unwrap(), "hello");
}

#[tokio::test]
async fn work_enqueued_within_a_transaction_appears_when_that_commits() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let _worker = stage.start().await;
    let mut tx = workpool.db().begin().await.unwrap();
    let id = echo::enqueue(&workpool.within(&mut tx), "hello".into()).await.unwrap();
    assert_eq!(workpool.status(id).await.unwrap(), None);
    tx.commit().await.unwrap();
    assert_eq!(workpool.result(id).await.unwrap(), "hello");
}

#[tokio::test]
async fn work_of_a_transaction_that_is_rolled_back_never_existed() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let mut tx = workpool.db().begin().await.unwrap();
    let within = workpool.within(&mut tx);
    let one = note::enqueue(&within, "one".into()).await.unwrap();
    let many = note::enqueue_batch(&within, ["a".into(), "b".into()]).await.unwrap();
    drop(within);
    tx.rollback().await.unwrap();
    stage.drain().await.assert_nothing_left();
    assert_eq!(workpool.status(one).await.unwrap(), None);
    assert_eq!(workpool.status_batch(many).await.unwrap(), [None, None]);
    assert!(stage.notes().await.is_empty());
}

#[tokio::test]
async fn a_refused_enqueue_leaves_the_transaction_of_the_caller_usable() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let mut tx = workpool.db().begin().await.unwrap();
    let within = workpool.within(&mut tx);
    let nowhere = note::enqueue(&within, "x".into()).pool("nowhere").await;
    assert!(matches!(nowhere, Err(Error::UnknownPool(_))), "{nowhere:?}");
    let unstorable = note::enqueue(&within, "\0".into()).await;
    assert!(matches!(unstorable, Err(Error::InvalidInput { .. })), "{unstorable:?}");
    note::enqueue(&within, "kept".into()).await.unwrap();
    drop(within);
    tx.commit().await.unwrap();
    stage.drain().await.assert_nothing_left();
    assert_eq!(stage.notes().await, ["kept"]);
}

#[tokio::test]
async fn what_an_action_enqueued_stays_when_the_action_fails() {
    let stage = Stage::new().await;
    plant::enqueue(stage.workpool(), ()).await.unwrap();
    stage.drain().await.assert_nothing_left();
    assert_eq!(stage.notes().await, ["planted"]);
}

#[tokio::test]
async fn an_attempt_that_was_superseded_enqueues_nothing() {
    let stage = Stage::new().await;
    let _worker = stage.start().await;
    let id = plant_late::enqueue(stage.workpool(), ()).await.unwrap();
    stage.gates.arrived("planting", 1).await;
    stage.execute("UPDATE workpool.work SET fence = fence + 1").await;
    stage.gates.open("planting");
    stage.witness.until(&Error::Superseded.to_string(), 1).await;
    assert_eq!(stage.unfinished().await, 1, "only the action itself");
    assert!(stage.workpool().status(id).await.unwrap().is_some());
}

#[tokio::test]
async fn a_mutation_enqueues_between_its_statements_and_all_of_it_commits() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let id = plant_many::enqueue(workpool, false).await.unwrap();
    stage.drain().await.assert_nothing_left();
    let planted = workpool.result(id).await.unwrap();
    let all = workpool.status_batch(planted).await.unwrap();
    assert_eq!(all.len(), 4);
    assert!(all.iter().all(Option::is_some), "{all:?}");
    let notes = stage.notes().await;
    assert_eq!(notes[..3], ["before", "between", "after"]);
    assert_eq!(notes[3..], ["planted"; 4]);
}

#[tokio::test]
async fn what_a_mutation_enqueued_is_gone_when_it_fails() {
    let stage = Stage::new().await;
    let id = plant_many::enqueue(stage.workpool(), true).await.unwrap();
    stage.drain().await.assert_nothing_left();
    assert_eq!(end_of(&stage, id).await.failures[0].message(), "after all");
    assert!(stage.notes().await.is_empty());
    assert_eq!(stage.value::<i64>("SELECT count(*) FROM workpool.finished").await, 1);
}

#[tokio::test]
async fn the_ids_of_a_batch_come_in_the_order_of_its_items() {
    let stage = Stage::new().await;
    let texts: Vec<_> = (0..20).map(|n| format!("item {n}")).collect();
    let ids = echo::enqueue_batch(stage.workpool(), texts.clone()).await.unwrap();
    stage.drain().await.assert_nothing_left();
    for (id, text) in ids.into_iter().zip(texts) {
        assert_eq!(stage.workpool().result(id).await.unwrap(), text);
    }
}

#[tokio::test]
async fn a_batch_with_one_bad_item_writes_nothing() {
    let stage = Stage::new().await;
    let texts = (0..3000).map(|n| if n == 2999 { "\0".into() } else { "good".into() });
    let refused = echo::enqueue_batch(stage.workpool(), texts).await;
    assert!(matches!(refused, Err(Error::InvalidInput { .. })), "{refused:?}");
    assert_eq!(stage.unfinished().await, 0);
}

#[tokio::test]
async fn an_empty_batch_takes_no_round_trip() {
    let stage = Stage::new().await;
    stage.workpool().db().close().await;
    assert_eq!(echo::enqueue_batch(stage.workpool(), []).await.unwrap(), []);
}

#[tokio::test]
async fn ten_thousand_items_are_written_in_one_transaction() {
    let stage = Stage::new().await;
    let texts = (0..10_000).map(|n| n.to_string());
    let ids = echo::enqueue_batch(stage.workpool(), texts).await.unwrap();
    assert_eq!(ids.len(), 10_000);
    let sql = "SELECT count(*), count(DISTINCT xmin::text) FROM workpool.work";
    assert_eq!(stage.rows::<(i64, i64)>(sql).await, [(10_000, 1)]);
    let sql = "SELECT args #>> '{}' FROM workpool.work ORDER BY id";
    let in_order: Vec<(String,)> = stage.rows(sql).await;
    assert!(in_order.iter().enumerate().all(|(n, (text,))| *text == n.to_string()));
}

#[tokio::test]
async fn a_batch_of_large_items_is_one_transaction_too() {
    let stage = Stage::new().await;
    let large = (0..15).map(|_| "x".repeat(1 << 19));
    assert_eq!(echo::enqueue_batch(stage.workpool(), large).await.unwrap().len(), 15);
    let sql = "SELECT count(*), count(DISTINCT xmin::text) FROM workpool.work";
    assert_eq!(stage.rows::<(i64, i64)>(sql).await, [(15, 1)]);
}

#[tokio::test]
async fn an_enqueue_sent_again_with_its_id_is_stored_once() {
    let stage = Stage::new().await;
    let id = WorkId::new();
    for text in ["first", "second"] {
        let sent = echo::enqueue(stage.workpool(), text.into()).id(id).await.unwrap();
        assert_eq!(sent, id);
    }
    assert_eq!(stage.unfinished().await, 1);
    stage.drain().await.assert_nothing_left();
    assert_eq!(stage.workpool().result(id).await.unwrap(), "first");
}

#[tokio::test]
async fn an_enqueue_sent_again_after_its_work_has_ended_runs_nothing_again() {
    let stage = Stage::new().await;
    let id = WorkId::new();
    for _ in 0..2 {
        note::enqueue(stage.workpool(), "once".into()).id(id).await.unwrap();
        stage.drain().await.assert_nothing_left();
    }
    assert_eq!(stage.notes().await, ["once"]);
}

#[tokio::test]
async fn ids_are_made_by_the_caller_and_sort_by_time() {
    let stage = Stage::new().await;
    let earlier = echo::enqueue(stage.workpool(), "a".into()).await.unwrap();
    let later = echo::enqueue(stage.workpool(), "b".into()).await.unwrap();
    assert_eq!(earlier.uuid().get_version_num(), 7);
    assert!(earlier.uuid() < later.uuid());
}

#[tokio::test]
async fn a_pool_that_does_not_exist_is_a_typed_error() {
    let stage = Stage::new().await;
    let refused = echo::enqueue(stage.workpool(), "x".into()).pool("nowhere").await;
    assert!(matches!(&refused, Err(Error::UnknownPool(pool)) if pool == "nowhere"), "{refused:?}");
    let texts = ["x".into(), "y".into()];
    let refused = echo::enqueue_batch(stage.workpool(), texts).pool("nowhere").await;
    assert!(matches!(refused, Err(Error::UnknownPool(_))), "{refused:?}");
    assert_eq!(stage.unfinished().await, 0);
}

#[tokio::test]
async fn the_pool_of_the_call_wins_over_that_of_the_attribute() {
    let stage = Stage::new().await;
    let id = gated::enqueue(stage.workpool(), "x".into()).pool("echo").await.unwrap();
    assert_eq!(stage.column::<String>("pool", id).await, "echo");
}

#[tokio::test]
async fn a_name_is_kept_for_people() {
    let stage = Stage::new().await;
    let id = echo::enqueue(stage.workpool(), "x".into()).name("greets Ada").await.unwrap();
    assert_eq!(stage.column::<String>("name", id).await, "greets Ada");
    for bad in ["\0".to_owned(), "x".repeat(501)] {
        let refused = echo::enqueue(stage.workpool(), "x".into()).name(bad).await;
        assert!(matches!(refused, Err(Error::InvalidInput { what: "name", .. })), "{refused:?}");
    }
}

#[tokio::test]
async fn an_enqueue_that_is_dropped_before_it_is_awaited_writes_nothing() {
    let stage = Stage::new().await;
    drop(echo::enqueue(stage.workpool(), "x".into()).into_future());
    assert_eq!(stage.unfinished().await, 0);
    let id = echo::enqueue(stage.workpool(), "x".into()).await.unwrap();
    let status = stage.workpool().status(id).await.unwrap();
    assert!(matches!(status, Some(Status::Pending { previous_attempts: 0, .. })), "{status:?}");
}

#[tokio::test]
async fn a_mutation_may_enqueue_into_a_long_list_of_pools_at_once() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let mut tx = workpool.db().begin().await.unwrap();
    let within = workpool.within(&mut tx);
    let later = Duration::from_mins(1);
    for pool in ["notes", "echo", "gated", "notes"] {
        note::enqueue(&within, "x".into()).pool(pool).run_after(later).await.unwrap();
    }
    drop(within);
    tx.commit().await.unwrap();
    assert_eq!(stage.unfinished().await, 4);
}
