//! Lists of work.

use std::time::Duration;

use workpool::inspect::{Cursor, WorkFilter, WorkState};
use workpool::{Error, OutcomeKind};
use workpool_tests::Stage;

use super::{all, ids};
use crate::functions::{echo, end_of, failing_at, flaky, gated};

const LATER: Duration = Duration::from_hours(1);

#[tokio::test]
async fn each_item_is_in_the_list_of_its_state_and_in_no_other() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let worker = stage.start().await;
    let succeeded = echo::enqueue(workpool, "x".into()).await.unwrap();
    workpool.result(succeeded).await.unwrap();
    stage.gates.open("broken");
    let failed = failing_at::enqueue(workpool, "broken".into()).await.unwrap();
    workpool.result(failed).await.unwrap_err();
    let retry = workpool::RetryPolicy::new().initial_backoff(LATER);
    let retrying = flaky::enqueue(workpool, 9).retry(retry).await.unwrap();
    workpool_tests::eventually("it is in backoff", async || {
        ids(&stage, WorkState::Retrying).await == [retrying.uuid()]
    })
    .await;
    let canceled = echo::enqueue(workpool, "x".into()).run_after(LATER).await.unwrap();
    workpool.cancel(canceled).await.unwrap();
    assert_eq!(end_of(&stage, canceled).await.outcome, OutcomeKind::Canceled);
    let running = gated::enqueue(workpool, "gate".into()).await.unwrap();
    stage.gates.arrived("gate", 1).await;
    let scheduled = echo::enqueue(workpool, "x".into()).run_after(LATER).await.unwrap();
    workpool.pool("clock").pause().await.unwrap();
    let due = crate::functions::read_clock::enqueue(workpool, ()).await.unwrap();
    for (state, id) in [
        (WorkState::Succeeded, succeeded.uuid()),
        (WorkState::Failed, failed.uuid()),
        (WorkState::Retrying, retrying.uuid()),
        (WorkState::Canceled, canceled.uuid()),
        (WorkState::Running, running.uuid()),
        (WorkState::Scheduled, scheduled.uuid()),
        (WorkState::Due, due.uuid()),
    ] {
        assert_eq!(ids(&stage, state).await, [id], "{state}");
        let filter = WorkFilter::new().state(state);
        let row = all(&workpool.inspect(), &filter, 9).await.0.remove(0);
        assert_eq!(row.state, state);
        assert_eq!(row.finished_at.is_some(), state.has_ended());
    }
    let (unended, _) = all(&workpool.inspect(), &WorkFilter::new(), 2).await;
    assert_eq!(unended.len(), 4);
    stage.gates.open("gate");
    worker.shutdown().await;
}

#[tokio::test]
async fn pages_show_each_item_once_in_order_over_all_pools() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    for n in 0..20 {
        let delay = Duration::from_secs(1000 - 7 * (n * 13 % 20));
        let pool = if n % 3 == 0 { "echo" } else { "other" };
        workpool.create_pool(workpool::Pool::new("other")).await.unwrap();
        echo::enqueue(workpool, n.to_string()).pool(pool).run_after(delay).await.unwrap();
    }
    for limit in [1, 3, 7, 19, 20, 21] {
        let (rows, pages) = all(&workpool.inspect(), &WorkFilter::new(), limit).await;
        assert_eq!(rows.len(), 20, "limit {limit}");
        assert!(rows.is_sorted_by_key(|row| row.run_at.unwrap()), "limit {limit}");
        assert_eq!(pages, 20_usize.div_ceil(limit as usize).max(1), "limit {limit}");
    }
    let (rows, _) = all(&workpool.inspect(), &WorkFilter::new().pool("echo"), 3).await;
    assert_eq!(rows.len(), 7);
}

#[tokio::test]
async fn failures_come_latest_first_over_all_pools() {
    let stage = Stage::new().await;
    stage.gates.open("gate");
    let texts = || (0..7).map(|_| "gate".to_owned());
    failing_at::enqueue_batch(stage.workpool(), texts()).await.unwrap();
    failing_at::enqueue_batch(stage.workpool(), texts()).pool("gated").await.unwrap();
    stage.drain().await.assert_nothing_left();
    let filter = WorkFilter::new().state(WorkState::Failed);
    for limit in [1, 4, 20] {
        let (rows, _) = all(&stage.workpool().inspect(), &filter, limit).await;
        assert_eq!(rows.len(), 14);
        assert!(rows.is_sorted_by(|a, b| a.finished_at >= b.finished_at));
        assert!(rows.iter().all(|row| row.failure.as_ref().unwrap().message().contains("gate")));
    }
}

#[tokio::test]
async fn every_part_of_a_filter_must_hold() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let named = echo::enqueue(workpool, "x".into()).name("the one").await.unwrap().uuid();
    echo::enqueue(workpool, "x".into()).name("another").await.unwrap();
    gated::enqueue(workpool, "x".into()).name("the one").await.unwrap();
    let inspector = workpool.inspect();
    let found = async |filter: WorkFilter| {
        let rows = all(&inspector, &filter, 10).await.0;
        rows.into_iter().map(|row| row.id).collect::<Vec<_>>()
    };
    assert_eq!(found(WorkFilter::new().name("the one")).await.len(), 2);
    assert_eq!(found(WorkFilter::new().name("the one").pool("echo")).await, [named]);
    let function: String = stage.column("function", named).await;
    assert_eq!(found(WorkFilter::new().name("the one").function(&function)).await, [named]);
    for longer in [Duration::from_mins(1), Duration::MAX] {
        assert!(found(WorkFilter::new().older_than(longer)).await.is_empty());
    }
    stage
        .execute("UPDATE workpool.work SET enqueued_at = enqueued_at - interval '2 minutes'")
        .await;
    assert_eq!(found(WorkFilter::new().older_than(Duration::from_mins(1))).await.len(), 3);
}

#[tokio::test]
async fn the_text_of_an_error_is_looked_for_in_whatever_case_and_not_as_a_pattern() {
    let stage = Stage::new().await;
    for gate in ["Blue 100% Ä", "red"] {
        stage.gates.open(gate);
        failing_at::enqueue(stage.workpool(), gate.into()).await.unwrap();
    }
    stage.drain().await.assert_nothing_left();
    let inspector = stage.workpool().inspect();
    for (text, items) in [
        ("blue 100%", 1),
        ("Ä", 1),
        ("FAILED AT", 2),
        ("b%e", 0),
        ("_", 0),
        ("message", 0),
        ("took_ms", 0),
        ("\\", 0),
    ] {
        let filter = WorkFilter::new().state(WorkState::Failed).error(text);
        assert_eq!(all(&inspector, &filter, 10).await.0.len(), items, "{text}");
    }
}

#[tokio::test]
async fn a_cursor_of_another_list_is_refused() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let texts = (0..3).map(|n| n.to_string());
    echo::enqueue_batch(workpool, texts).run_after(LATER).await.unwrap();
    let inspector = workpool.inspect();
    let page = inspector.work(&WorkFilter::new(), None, 1).await.unwrap();
    let cursor = page.next.unwrap();
    let failed = WorkFilter::new().state(WorkState::Failed);
    let refused = inspector.work(&failed, Some(&cursor), 1).await.unwrap_err();
    assert!(matches!(refused, Error::InvalidConfig { what: "cursor", .. }), "{refused}");
    for garbage in ["", ".", "unended", "unended.0.x.y", "unended.0.1.nil", "'; DROP"] {
        let garbage: Cursor = garbage.parse().unwrap();
        assert!(inspector.work(&WorkFilter::new(), Some(&garbage), 1).await.is_err());
    }
}

#[tokio::test]
async fn failures_that_look_alike_are_one_group() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    for gate in ["user 17", "user 4", "user 250", "the door"] {
        stage.gates.open(gate);
        failing_at::enqueue(workpool, gate.into()).await.unwrap();
    }
    stage.drain().await.assert_nothing_left();
    let inspector = workpool.inspect();
    let groups = inspector.failures(None, LATER, 10).await.unwrap();
    let shown: Vec<_> = groups.iter().map(|group| (&*group.error, group.items)).collect();
    assert_eq!(shown, [("failed at user …", 3), ("failed at the door", 1)]);
    assert_eq!((&*groups[0].pool, groups[0].retried), ("flaky", 0));
    inspector.retry(groups[0].latest).await.unwrap();
    let groups = inspector.failures(Some("flaky"), LATER, 1).await.unwrap();
    assert_eq!((groups.len(), groups[0].retried), (1, 1));
    assert!(inspector.failures(Some("echo"), LATER, 10).await.unwrap().is_empty());
}
