//! The metrics against their page, and their numbers against what happened.

use std::time::Duration;

use metrics::Unit;
use workpool::{Error, WorkId};
use workpool_tests::{Stage, eventually};

use crate::board::Board;
use crate::functions::{failing_at, flaky, gated, hopeless, quiet, unlucky};
use crate::page::documented;

/// Lets everything happen that is measured.
async fn everything(stage: &Stage, board: &Board) {
    let workpool = stage.workpool();
    let worker = stage.start().await;
    flaky::enqueue(workpool, 1).on_complete::<quiet>(()).await.unwrap();
    flaky::enqueue(workpool, 0).on_complete::<unlucky>(()).await.unwrap();
    flaky::enqueue(workpool, 9).on_complete::<hopeless>(()).await.unwrap();
    // An end that is refused.
    gated::enqueue(workpool, "fenced".into()).await.unwrap();
    stage.gates.arrived("fenced", 1).await;
    stage.execute("UPDATE workpool.work SET fence = fence + 1 WHERE pool = 'gated'").await;
    stage.gates.open("fenced");
    let fenced = async || board.count("workpool_fenced_total", &[]) == 1;
    eventually("an end is refused", fenced).await;
    // Work of a worker that died.
    let dead = WorkId::<()>::new();
    stage
        .execute(&format!(
            "INSERT INTO workpool.workers (id, expires_at, host, pid, version, functions)
                VALUES ('{dead}', now() - interval '1 minute', 'gone', 1, '0', '{{}}');
            UPDATE workpool.work SET worker = '{dead}' WHERE pool = 'gated';
            INSERT INTO workpool.slots (pool, worker, granted, claimed_to)
                SELECT 'gated', '{dead}', 1, now()"
        ))
        .await;
    let recovered = async || board.count("workpool_recovered_total", &[]) == 1;
    eventually("the dead worker's work is recovered", recovered).await;
    // An operation that is refused.
    stage.execute("ALTER TABLE workpool.finished RENAME TO hidden").await;
    let refused = workpool.status(WorkId::<()>::new()).await;
    assert!(matches!(refused, Err(Error::Database(_))), "{refused:?}");
    stage.execute("ALTER TABLE workpool.hidden RENAME TO finished").await;
    let parked = async || board.count("workpool_callbacks_total", &[("outcome", "parked")]) == 1;
    eventually("a callback is parked", parked).await;
    worker.shutdown().await;
}

#[tokio::test]
async fn what_is_measured_is_documented_and_the_other_way_round() {
    let (board, _guard) = Board::begin();
    let stage = Stage::new().await;
    everything(&stage, board).await;
    let registered = board.registered();
    let shown: std::collections::BTreeMap<_, _> = registered
        .into_iter()
        .map(|(name, (kind, labels))| (name, (kind.to_owned(), labels)))
        .collect();
    assert_eq!(shown, documented());
    let refused = board.count("workpool_database_errors_total", &[("class", "42")]);
    assert!(refused >= 1, "the database refused something");
}

#[tokio::test]
async fn each_metric_tells_the_recorder_its_unit_and_meaning() {
    let (board, _guard) = Board::begin();
    let stage = Stage::new().await;
    stage.start().await.shutdown().await;
    let described = board.described();
    let page = documented();
    assert!(described.keys().eq(page.keys()), "{described:?}");
    for (name, (kind, unit, text)) in described {
        assert_eq!(kind, page[&name].0, "{name}");
        let seconds = name.ends_with("_seconds");
        assert_eq!(unit == Some(Unit::Seconds), seconds, "{name} is in {unit:?}");
        assert_eq!(name.ends_with("_total"), kind == "counter", "{name} is a {kind}");
        assert!(text.ends_with('.'), "{name}: {text}");
    }
}

#[tokio::test]
async fn attempts_are_counted_by_function_and_outcome_and_timed() {
    let (board, _guard) = Board::begin();
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let worker = stage.start().await;
    let name = |function: &str| format!("telemetry::functions::{function}");
    let (flaky_name, failing) = (name("flaky"), name("failing_at"));
    let of_flaky = [("pool", "work"), ("function", &*flaky_name)];
    let ids = flaky::enqueue_batch(workpool, [0, 0, 1, 9]).await.unwrap();
    for id in ids {
        drop(workpool.result(id).await);
    }
    let canceled = failing_at::enqueue(workpool, "gate".into()).await.unwrap();
    stage.gates.arrived("gate", 1).await;
    workpool.cancel(canceled).await.unwrap();
    stage.gates.open("gate");
    drop(workpool.result(canceled).await);
    worker.shutdown().await;
    let completed = |outcome| {
        let [pool, function] = of_flaky;
        board.count("workpool_completed_total", &[pool, function, ("outcome", outcome)])
    };
    let outcomes = ["success", "failed", "retrying", "canceled"];
    assert_eq!(outcomes.map(completed), [3, 1, 2, 0]);
    let canceled = [("function", &*failing), ("outcome", "canceled")];
    assert_eq!(board.count("workpool_completed_total", &canceled), 1);
    assert_eq!(board.count("workpool_enqueued_total", &of_flaky), 4);
    assert_eq!(board.count("workpool_started_total", &of_flaky), 6);
    for histogram in ["workpool_start_lag_seconds", "workpool_duration_seconds"] {
        let values = board.values(histogram, &of_flaky);
        assert_eq!(values.len(), 6, "{histogram}");
        assert!(values.iter().all(|seconds| (0.0..60.0).contains(seconds)), "{values:?}");
    }
    let items = board.values("workpool_claim_items", &[("pool", "work")]);
    assert!((items.iter().sum::<f64>() - 6.0).abs() < f64::EPSILON, "{items:?}");
    let claims = board.count("workpool_claims_total", &[("pool", "work")]);
    assert_eq!(claims, items.len() as u64);
}

#[tokio::test]
async fn gauges_follow_what_a_worker_holds_and_are_zero_after_it() {
    let (board, _guard) = Board::begin();
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let of_gated = [("pool", "gated")];
    workpool.pool("gated").set_max_parallelism(2).await.unwrap();
    let worker = stage.start().await;
    gated::enqueue_batch(workpool, ["gate", "gate", "gate"].map(str::to_owned)).await.unwrap();
    stage.gates.arrived("gate", 2).await;
    let is = |name: &'static str, labels: &[(&str, &str)], value: f64| {
        (board.gauge(name, labels) - value).abs() < f64::EPSILON
    };
    assert!(is("workpool_running", &of_gated, 2.0));
    let held = async || is("workpool_slots_granted", &of_gated, 2.0);
    eventually("the slots are shown", held).await;
    assert!(is("workpool_limit", &of_gated, 2.0) && is("workpool_paused", &of_gated, 0.0));
    eventually("the worker is shown", async || is("workpool_workers", &[], 1.0)).await;
    let lease = board.gauge("workpool_lease_seconds", &[]);
    assert!(lease > 0.0 && lease < 2.0, "{lease}");
    workpool.pool("gated").pause().await.unwrap();
    eventually("the pause is shown", async || is("workpool_paused", &of_gated, 1.0)).await;
    stage.gates.open("gate");
    eventually("nothing runs", async || is("workpool_running", &of_gated, 0.0)).await;
    worker.shutdown().await;
    for gauge in ["slots_granted", "workers", "lease_seconds", "connections", "transactions"] {
        let name = format!("workpool_{gauge}");
        let left = if gauge == "connections" { &[("link", "control")][..] } else { &[] };
        assert!(board.gauge(&name, left).abs() < f64::EPSILON, "{gauge} is left behind");
    }
}

#[tokio::test]
async fn a_report_shows_what_waits_until_the_next_one() {
    let (board, _guard) = Board::begin();
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    workpool.pool("work").pause().await.unwrap();
    flaky::enqueue_batch(workpool, [0, 0, 0]).await.unwrap();
    flaky::enqueue(workpool, 0).run_after(Duration::from_hours(1)).await.unwrap();
    stage.execute("UPDATE workpool.work SET run_at = run_at - interval '90 seconds' WHERE id = (SELECT min(id::text)::uuid FROM workpool.work)").await;
    let report = Duration::from_millis(300);
    let worker = stage.worker().report_interval(report).start().await.unwrap();
    let of_work = [("pool", "work")];
    let waiting = async || (board.gauge("workpool_backlog", &of_work) - 3.0).abs() < f64::EPSILON;
    eventually("the backlog is shown", waiting).await;
    let overdue = board.gauge("workpool_oldest_due_seconds", &of_work);
    assert!((90.0..300.0).contains(&overdue), "{overdue}");
    workpool.pool("work").resume().await.unwrap();
    let none = async || board.gauge("workpool_backlog", &of_work).abs() < f64::EPSILON;
    eventually("it is gone", none).await;
    worker.shutdown().await;
}

#[tokio::test]
async fn whoever_does_not_report_any_more_shows_nothing() {
    let (board, _guard) = Board::begin();
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    workpool.pool("work").pause().await.unwrap();
    flaky::enqueue_batch(workpool, [0, 0, 0]).await.unwrap();
    let report = Duration::from_millis(300);
    let worker = stage.worker().report_interval(report).start().await.unwrap();
    let of_work = [("pool", "work")];
    let shown = async || board.gauge("workpool_backlog", &of_work) > 0.0;
    eventually("the backlog is shown", shown).await;
    // As if another process reported from now on.
    stage.execute("UPDATE workpool.pools SET reported_at = now() + interval '1 hour'").await;
    let hidden = async || !shown().await;
    eventually("it is not shown any more", hidden).await;
    worker.shutdown().await;
}
