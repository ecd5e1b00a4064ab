//! Section 11: events, by name, level and fields.

use std::time::Duration;

use tracing::Level;
use workpool::{
    ActionCtx, Completion, LogLevel, MutationCtx, Pool, RetryPolicy, WorkId, action, on_complete,
};
use workpool_tests::{Event, Events, Stage, eventually};

use crate::functions::{echo, failing_at, flaky, gated, let_workers_look};

workpool::pool!(
    /// Almost the name of another one.
    LETTERS = Pool::new("letters")
);

#[action(pool = "leters")]
async fn misspelled(_ctx: &ActionCtx) -> workpool::Result<()> {
    Ok(())
}

#[action(pool = LETTERS)]
async fn logging(ctx: &ActionCtx) -> workpool::Result<u32> {
    tracing::info!(target: "workpool", event = "of a handler");
    Ok(ctx.attempt())
}

#[on_complete]
async fn failing(_ctx: &mut MutationCtx<'_>, _: Completion<(), String>) -> anyhow::Result<()> {
    anyhow::bail!("no luck")
}

#[on_complete]
async fn hopeless(
    _ctx: &mut MutationCtx<'_>,
    _: Completion<(), String>,
) -> Result<(), workpool::Failure> {
    Err(workpool::Failure::non_retryable("no hope"))
}

/// An event about one work item.
async fn of<T>(events: &Events, name: &str, id: WorkId<T>) -> Event {
    events.until(name, |event| event.get("work_id") == id.to_string()).await
}

fn number(event: &Event, field: &str) -> f64 {
    event.get(field).parse().unwrap_or_else(|_| panic!("`{field}` of {event:?}"))
}

fn at_once(attempts: u32) -> RetryPolicy {
    RetryPolicy::new().max_attempts(attempts).initial_backoff(Duration::ZERO)
}

#[tokio::test]
async fn an_attempt_is_enqueued_started_and_completed_with_all_their_fields() {
    let events = Events::collect();
    let stage = Stage::new().await;
    let _worker = stage.start().await;
    let id = echo::enqueue(stage.workpool(), "x".into()).await.unwrap();
    stage.workpool().result(id).await.unwrap();
    let enqueued = of(&events, "enqueued", id).await;
    assert_eq!(enqueued.level, Level::DEBUG);
    assert!(enqueued.has("run_at"));
    let started = of(&events, "started", id).await;
    assert_eq!((started.level, started.get("attempt")), (Level::INFO, "1"));
    assert!((0.0..60_000.0).contains(&number(&started, "start_lag_ms")));
    let completed = of(&events, "completed", id).await;
    assert_eq!((completed.level, completed.get("attempts")), (Level::INFO, "1"));
    assert_eq!(completed.get("status"), "success");
    assert!((0.0..60_000.0).contains(&number(&completed, "duration_ms")));
    for event in [enqueued, started, completed] {
        assert_eq!(event.get("pool"), "echo");
        assert_eq!(event.get("function"), "integration::functions::echo");
    }
}

#[tokio::test]
async fn each_way_to_complete_has_its_status() {
    let events = Events::collect();
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let _worker = stage.start().await;
    let failed = flaky::enqueue(workpool, 9).retry(at_once(2)).await.unwrap();
    let _ = workpool.result(failed).await;
    let canceled = failing_at::enqueue(workpool, "gate".into()).retry(true).await.unwrap();
    stage.gates.arrived("gate", 1).await;
    workpool.cancel(canceled).await.unwrap();
    stage.gates.open("gate");
    let _ = workpool.result(canceled).await;
    of(&events, "completed", canceled).await;
    let statuses = |id: WorkId<u32>| -> Vec<_> {
        let completed = events.named("completed").into_iter();
        let of_item = completed.filter(|event| event.get("work_id") == id.to_string());
        of_item.map(|e| format!("{} {}", e.get("status"), e.get("attempts"))).collect()
    };
    assert_eq!(statuses(failed), ["retrying 1", "failed 2"]);
    assert_eq!(statuses(WorkId::from_uuid(canceled.uuid())), ["canceled 1"]);
}

#[tokio::test]
async fn a_mutation_logs_its_start_and_its_end_once() {
    let events = Events::collect();
    let stage = Stage::new().await;
    let id = crate::functions::note::enqueue(stage.workpool(), "x".into()).await.unwrap();
    stage.drain().await.assert_nothing_left();
    assert_eq!(of(&events, "started", id).await.get("pool"), "notes");
    assert_eq!(of(&events, "completed", id).await.get("status"), "success");
    assert_eq!(events.named("completed").len(), 1);
}

#[tokio::test]
async fn the_lag_is_reckoned_from_the_due_time() {
    let events = Events::collect();
    let stage = Stage::new().await;
    let id = echo::enqueue(stage.workpool(), "x".into()).await.unwrap();
    stage.execute("UPDATE workpool.work SET run_at = run_at - interval '1 hour'").await;
    stage.drain().await.assert_nothing_left();
    let lag = number(&of(&events, "started", id).await, "start_lag_ms");
    assert!((3_600_000.0..3_660_000.0).contains(&lag), "{lag}");
}

#[tokio::test]
async fn what_a_handler_logs_is_inside_the_span_of_its_attempt() {
    let events = Events::collect();
    let stage = Stage::new().await;
    let id = logging::enqueue(stage.workpool(), ()).await.unwrap();
    stage.drain().await.assert_nothing_left();
    let event = events.until("of a handler", |_| true).await;
    assert_eq!(event.span("work_id"), id.to_string());
    assert_eq!((event.span("pool"), event.span("attempt")), ("letters", "1"));
    assert_eq!(event.span("function"), "integration::events::logging");
}

#[tokio::test]
async fn every_pool_is_reported_also_when_it_is_idle() {
    let events = Events::collect();
    let stage = Stage::new().await;
    let report = Duration::from_millis(300);
    let _worker = stage.worker().report_interval(report).start().await.unwrap();
    let idle = events.until("report", |event| event.get("pool") == "letters").await;
    assert_eq!(idle.level, Level::INFO);
    for field in ["completed", "succeeded", "failed", "retries", "canceled", "running", "backlog"] {
        assert_eq!(idle.get(field), "0", "{field}");
    }
    for rate in ["failure_rate", "permanent_failure_rate"] {
        assert!(number(&idle, rate).abs() < f64::EPSILON, "{rate}");
    }
}

#[tokio::test]
async fn reports_of_all_workers_together_count_each_attempt_once() {
    let events = Events::collect();
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let other = stage.another_process().await;
    let report = Duration::from_millis(400);
    let one = stage.worker().report_interval(report).start().await.unwrap();
    let two = stage.worker_of(&other).report_interval(report).start().await.unwrap();
    let ids = flaky::enqueue_batch(workpool, [0, 0, 1, 9]).retry(at_once(2)).await.unwrap();
    for id in ids {
        let _ = workpool.result(id).await;
    }
    let sum = |field: &str| -> f64 {
        let reports = events.named("report").into_iter();
        reports.filter(|r| r.get("pool") == "flaky").map(|r| number(&r, field)).sum()
    };
    eventually("all six attempts are reported", async || sum("completed") >= 6.0).await;
    let_workers_look(&stage).await;
    let_workers_look(&stage).await;
    let sums = ["completed", "succeeded", "failed", "retries", "canceled"].map(sum);
    assert_eq!(sums.map(|sum| sum.to_string()), ["6", "3", "1", "2", "0"]);
    one.shutdown().await;
    two.shutdown().await;
}

#[tokio::test]
async fn a_report_tells_rates_backlog_and_what_runs() {
    let events = Events::collect();
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    gated::enqueue(workpool, "gate".into()).pool("flaky").await.unwrap();
    let policy = at_once(2);
    flaky::enqueue_batch(workpool, [0, 0, 1, 9]).retry(policy).await.unwrap();
    let worker = stage.start().await;
    stage.gates.arrived("gate", 1).await;
    eventually("all others have ended", async || stage.unfinished().await == 1).await;
    workpool.pool("flaky").pause().await.unwrap();
    flaky::enqueue_batch(workpool, [0, 0, 0]).await.unwrap();
    flaky::enqueue(workpool, 0).run_after(Duration::from_hours(1)).await.unwrap();
    eventually("the worker has counted", async || {
        workpool.stats("flaky").await.unwrap().completed == 6
    })
    .await;
    stage.execute("UPDATE workpool.pools SET reported_at = now() - interval '1 minute'").await;
    let report = events.until("report", |e| e.get("pool") == "flaky").await;
    let fields = ["completed", "succeeded", "failed", "retries", "canceled", "running", "backlog"];
    let numbers = fields.map(|field| report.get(field).to_owned());
    assert_eq!(numbers, ["6", "3", "1", "2", "0", "1", "3"]);
    assert!((number(&report, "failure_rate") - 0.5).abs() < 1e-9);
    assert!((number(&report, "permanent_failure_rate") - 0.25).abs() < 1e-9);
    stage.gates.open("gate");
    worker.shutdown().await;
}

#[tokio::test]
async fn how_much_is_logged_of_a_pool_can_be_changed_while_workers_run() {
    let events = Events::collect();
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let _worker = stage.start().await;
    let logs = async || {
        let id = echo::enqueue(workpool, "x".into()).await.unwrap();
        workpool.result(id).await.unwrap();
        let_workers_look(&stage).await;
        let of_item = |event: &Event| event.get("work_id") == id.to_string();
        events.named("completed").iter().any(of_item)
    };
    assert!(logs().await);
    workpool.pool("echo").set_log_level(LogLevel::Warn).await.unwrap();
    eventually("it is silent", async || !logs().await).await;
    workpool.pool("echo").set_log_level(LogLevel::Info).await.unwrap();
    eventually("it speaks again", async || logs().await).await;
    let unknown = workpool.pool("nowhere").set_log_level(LogLevel::Off).await;
    assert!(matches!(unknown, Err(workpool::Error::UnknownPool(_))));
}

#[tokio::test]
async fn callbacks_that_fail_or_are_parked_say_what_and_why() {
    let events = Events::collect();
    let stage = Stage::new().await;
    let _worker = stage.start().await;
    let echo = |text: &str| echo::enqueue(stage.workpool(), text.into());
    let again = echo("x").on_complete::<failing>(()).await.unwrap();
    let never = echo("y").on_complete::<hopeless>(()).await.unwrap();
    let failed = of(&events, "callback_failed", again).await;
    assert_eq!((failed.level, failed.get("attempt")), (Level::WARN, "1"));
    assert!(failed.get("why").contains("no luck"), "{failed:?}");
    let parked = of(&events, "parked", never).await;
    assert_eq!((parked.level, parked.get("why")), (Level::WARN, "no hope"));
    assert_eq!(parked.get("callback"), "integration::events::hopeless");
}

#[tokio::test]
async fn work_of_a_function_that_nobody_has_is_reported() {
    let events = Events::collect();
    let stage = Stage::new().await;
    echo::enqueue_batch(stage.workpool(), ["a".into(), "b".into()]).await.unwrap();
    stage.execute("UPDATE workpool.work SET function = 'gone'").await;
    let _worker = stage.start().await;
    let unknown = events.until("unknown_function", |_| true).await;
    assert_eq!((unknown.level, unknown.get("function")), (Level::WARN, "gone"));
    assert_eq!((unknown.get("pool"), unknown.get("items")), ("echo", "2"));
    assert!(unknown.has("why"));
}

#[tokio::test]
async fn work_of_a_dead_worker_is_recovered_and_says_so() {
    let events = Events::collect();
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let once = echo::enqueue(workpool, "x".into()).await.unwrap();
    let again = echo::enqueue(workpool, "y".into()).retry(at_once(2)).await.unwrap();
    let dead = WorkId::<()>::new();
    stage
        .execute(&format!(
            "INSERT INTO workpool.workers (id, expires_at, host, pid, version, functions)
                VALUES ('{dead}', now() - interval '1 minute', 'gone', 1, '0', '{{}}');
            INSERT INTO workpool.slots (pool, worker, granted, claimed_to)
                SELECT 'echo', '{dead}', 2, now();
            UPDATE workpool.work SET worker = '{dead}', attempt = 1, fence = 1, started_at = now()"
        ))
        .await;
    let _worker = stage.start().await;
    for (id, outcome) in [(once, "failed"), (again, "retrying")] {
        let recovered = of(&events, "recovered", id).await;
        assert_eq!((recovered.level, recovered.get("pool")), (Level::WARN, "echo"));
        assert_eq!(recovered.get("function"), "integration::functions::echo");
        assert_eq!(recovered.get("outcome"), outcome);
        assert_eq!(recovered.get("worker"), dead.to_string());
        assert!(recovered.has("why"));
    }
    assert_eq!(workpool.result(again).await.unwrap(), "y");
}

#[tokio::test]
async fn the_end_of_a_superseded_attempt_is_logged_as_fenced() {
    let events = Events::collect();
    let stage = Stage::new().await;
    let _worker = stage.start().await;
    let id = gated::enqueue(stage.workpool(), "gate".into()).await.unwrap();
    stage.gates.arrived("gate", 1).await;
    stage.execute("UPDATE workpool.work SET fence = fence + 1").await;
    stage.gates.open("gate");
    let fenced = of(&events, "fenced", id).await;
    assert_eq!((fenced.level, fenced.get("attempt")), (Level::WARN, "1"));
    assert!(fenced.has("why"));
    assert!(events.named("completed").is_empty());
}

#[tokio::test]
async fn a_worker_logs_what_it_found_and_points_out_slips() {
    let events = Events::collect();
    let stage = Stage::new().await;
    let worker = stage.start().await;
    let registered = events.until("registered", |_| true).await;
    assert!(registered.get("functions").contains("integration::events::misspelled"));
    assert!(registered.get("pools").contains("leters"));
    let slip = events.until("undeclared_pool", |e| e.get("why").contains("`leters`")).await;
    assert_eq!(slip.level, Level::WARN);
    assert!(slip.get("why").contains("did you mean `letters`?"), "{slip:?}");
    assert!(slip.get("why").contains("events.rs:"), "{slip:?}");
    worker.shutdown().await;
}

#[tokio::test]
async fn values_in_code_that_the_database_overrules_are_pointed_out_once() {
    let stage = Stage::new().await;
    stage.workpool().pool("letters").set_max_parallelism(3).await.unwrap();
    let events = Events::collect();
    let again = stage.another_process().await;
    let worker = stage.worker_of(&again).start().await.unwrap();
    let differs = events.named("pool_differs");
    let [differs] = &differs[..] else { panic!("{differs:?}") };
    assert_eq!((differs.level, differs.get("pool")), (Level::INFO, "letters"));
    assert!(differs.get("what").contains("3 in the database"), "{differs:?}");
    worker.shutdown().await;
}
