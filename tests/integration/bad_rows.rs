//! Section 10: rows written by hand that make no sense. Each is refused by the database, or ends,
//! or waits and is reported; everything else goes on.

use std::time::{Duration, SystemTime};

use workpool::testing::{DrainError, advance};
use workpool::{Error, FailureKind, OutcomeKind, Pool, RetryPolicy, Status, WorkId, Workpool};
use workpool_tests::{Stage, eventually, patiently};

use crate::functions::{echo, end_of, ended, flaky, note};

const LATER: Duration = Duration::from_hours(1);

/// What somebody may set the columns of work to.
const VALUES: &[&str] = &[
    "kind = 1",
    "kind = 9",
    "function = 'integration::functions::ended'",
    "function = ''",
    "attempt = 2147483647",
    "attempt = 1000000000",
    "fence = 2147483647",
    "fence = 1000000000",
    "attempt = -1",
    "lost = 32767",
    "lost = 1000",
    "max_attempts = 2147483647",
    "initial_backoff_ms = NULL, backoff_base = NULL, max_backoff_ms = NULL",
    "initial_backoff_ms = 9223372036854775807, max_backoff_ms = 9223372036854775807",
    "initial_backoff_ms = 316224000000, max_backoff_ms = 316224000000, backoff_base = 1e300",
    "backoff_base = 'NaN'",
    "status_ttl_ms = 9223372036854775807",
    "status_ttl_ms = 31622400000000",
    "status_ttl_ms = -1",
    "callback_outcomes = -1",
    "callback_outcomes = 32767",
    "callback = 'nobody knows this'",
    "callback = 'integration::functions::echo'",
    "callback = ''",
    "context = NULL",
    "context = '[[1], \"\\u0000\"]'",
    "args = 'null'",
    "args = '\"\\ud800\"'",
    "args = to_json(repeat('x', 5000000))",
    "args = (repeat('[', 9000) || repeat(']', 9000))::json",
    "errors = ARRAY['null', '[1]', '\"text\"', '{\"kind\": 7}', '{\"message\": \"\\u0000\"}']::json[]",
    "errors = array_fill('1'::json, ARRAY[100])",
    "errors = '[5:6]={1,2}'::json[]",
    "errors = '{{1,2},{3,4}}'::json[]",
    "errors = '{NULL}'::json[]",
    "errors = '{}'::json[]",
    "enqueued_at = 'infinity'",
    "enqueued_at = '-infinity'",
    "started_at = 'infinity'",
    "started_at = '-4000-01-01'",
    "cancel_requested = true",
    "name = repeat('x', 500)",
    "worker = gen_random_uuid()",
    "worker = gen_random_uuid(), attempt = 1",
];

/// Work of each kind is done, with its callback.
async fn all_else_goes_on(stage: &Stage, after: &str) {
    let workpool = stage.workpool();
    let echo = echo::enqueue(workpool, "x".into()).on_complete::<ended>(after.into());
    let echo = echo.await.unwrap();
    let note = note::enqueue(workpool, "note".into()).await.unwrap();
    patiently(&format!("an action after {after}"), workpool.result(echo)).await.unwrap();
    patiently(&format!("a mutation after {after}"), workpool.result(note)).await.unwrap();
    let called = format!("{after}: success \"x\" after 1");
    let what = format!("a completion after {after}");
    eventually(&what, async || stage.notes().await.contains(&called)).await;
}

/// Runs a statement that the database may refuse.
async fn by_hand(workpool: &Workpool, sql: &str) -> bool {
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(workpool.db()).await.is_ok()
}

#[tokio::test]
async fn no_value_of_any_column_of_work_stops_anything() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let _worker = stage.start().await;
    for value in VALUES {
        let policy = RetryPolicy::new().initial_backoff(Duration::ZERO);
        let flaky = flaky::enqueue(workpool, 1).retry(policy).run_after(LATER);
        let id = flaky.on_complete::<ended>("bad".into()).await.unwrap();
        let update = format!("UPDATE workpool.work SET {value} WHERE id = '{id}'");
        if by_hand(workpool, &update).await {
            let due = format!("UPDATE workpool.work SET run_at = 'epoch' WHERE id = '{id}'");
            stage.execute(&due).await;
            all_else_goes_on(&stage, value).await;
            // What nobody knows, or nobody can count further, stays as it is.
            let stays = ["function", "attempt", "fence"].iter().any(|c| value.starts_with(c));
            let what = format!("it ends after {value}");
            eventually(&what, async || {
                let status = workpool.status(id).await.unwrap();
                stays || status.is_none_or(|s| s.outcome().is_some() || waits(&s))
            })
            .await;
        }
        stage.execute(&format!("DELETE FROM workpool.work WHERE id = '{id}'")).await;
    }
}

/// Waits for its next attempt, years from now.
fn waits(status: &Status) -> bool {
    let Status::Pending { run_at, .. } = status else { return false };
    *run_at > SystemTime::now() + LATER
}

#[tokio::test]
async fn times_outside_the_calendar_are_refused_by_the_database() {
    let stage = Stage::new().await;
    let id = echo::enqueue(stage.workpool(), "x".into()).await.unwrap();
    for time in ["infinity", "-infinity", "10000-01-01 00:00:00+00", "1969-12-31 00:00:00+00"] {
        let update = format!("UPDATE workpool.work SET run_at = '{time}' WHERE id = '{id}'");
        assert!(!by_hand(stage.workpool(), &update).await, "{time}");
    }
}

#[tokio::test]
async fn a_row_of_the_wrong_kind_ends_failed_and_says_so() {
    let stage = Stage::new().await;
    let _worker = stage.start().await;
    let id =
        echo::enqueue(stage.workpool(), "x".into()).run_after(LATER).retry(true).await.unwrap();
    stage.execute("UPDATE workpool.work SET kind = 2, run_at = 'epoch'").await;
    let end = end_of(&stage, id).await;
    assert_eq!((end.outcome, end.attempts), (OutcomeKind::Failed, 1));
    assert_eq!(end.failures[0].kind(), FailureKind::Invalid);
    assert!(stage.witness.seen().is_empty());
}

#[tokio::test]
async fn a_row_of_a_pool_that_does_not_exist_waits_for_the_pool() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let id = echo::enqueue(workpool, "x".into()).await.unwrap();
    stage.execute("UPDATE workpool.work SET pool = 'nowhere'").await;
    match stage.worker().drain().await {
        Err(DrainError::Stuck(left)) => assert!(left[0].why.contains("pool"), "{}", left[0]),
        other => panic!("{other:?}"),
    }
    let _worker = stage.start().await;
    all_else_goes_on(&stage, "a pool that does not exist").await;
    workpool.create_pool(Pool::new("nowhere")).await.unwrap();
    assert_eq!(workpool.result(id).await.unwrap(), "x");
}

#[tokio::test]
async fn a_callback_that_is_none_is_parked() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let _worker = stage.start().await;
    let echo = echo::enqueue(workpool, "x".into()).run_after(LATER);
    let id = echo.on_complete::<ended>("x".into()).await.unwrap();
    stage.execute("UPDATE workpool.work SET callback = function, run_at = 'epoch'").await;
    assert_eq!(workpool.result(id).await.unwrap(), "x");
    eventually("it is parked", async || workpool.parked_callbacks(1).await.unwrap().len() == 1)
        .await;
    all_else_goes_on(&stage, "a callback that is none").await;
}

#[tokio::test]
async fn callbacks_written_by_hand_stop_nothing() {
    let stage = Stage::new().await;
    let _worker = stage.start().await;
    let insert = "INSERT INTO workpool.callbacks
        (id, pool, work_function, callback, outcome, attempts, run_at, context, result, errors)";
    let rows = [
        "'echo', 'x', 'integration::functions::ended', 0, 1, now(), '1', NULL, NULL",
        "'', '', 'integration::functions::ended', 0, -1, '-infinity', '\"x\"', '{', NULL",
        "'echo', 'x', 'integration::functions::ended', 1, 1, 'epoch', '\"x\"', NULL, NULL",
        "'echo', 'x', 'integration::functions::ended', 1, 1, now(), '\"x\"', '1', '{null,1}'",
        "'echo', 'x', 'nobody knows this', 2, 1, now(), NULL, NULL, NULL",
        "'echo', 'x', '', 2, 1, 'infinity', NULL, NULL, NULL",
    ];
    for row in rows {
        let _ =
            by_hand(stage.workpool(), &format!("{insert} VALUES (gen_random_uuid(), {row})")).await;
        all_else_goes_on(&stage, row).await;
    }
}

#[tokio::test]
async fn a_callback_that_is_there_already_does_not_keep_work_from_ending() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let echo = echo::enqueue(workpool, "x".into()).run_after(LATER);
    let action = echo.on_complete::<ended>("x".into()).await.unwrap();
    let note = note::enqueue(workpool, "x".into()).run_after(LATER);
    let mutation = note.on_complete::<ended>("x".into()).await.unwrap();
    let echo = echo::enqueue(workpool, "x".into()).run_after(LATER);
    let pending = echo.on_complete::<ended>("x".into()).await.unwrap();
    stage
        .execute(
            "INSERT INTO workpool.callbacks
                (id, pool, work_function, callback, outcome, attempts, run_at, parked_at)
            SELECT id, pool, function, callback, 0, 1, now(), now() FROM workpool.work",
        )
        .await;
    workpool.cancel(pending).await.unwrap();
    let _worker = stage.start().await;
    advance(workpool, LATER).await.unwrap();
    all_else_goes_on(&stage, "a second callback").await;
    end_of(&stage, action).await;
    end_of(&stage, mutation).await;
}

#[tokio::test]
async fn slots_of_workers_that_nobody_knows_are_freed() {
    let stage = Stage::new().await;
    let _worker = stage.start().await;
    let insert = "INSERT INTO workpool.slots (pool, worker, granted)
        SELECT name, gen_random_uuid(), 4294967295 FROM workpool.pools";
    stage.execute(insert).await;
    all_else_goes_on(&stage, "slots of nobody").await;
    eventually("they are gone", async || {
        let unknown = "SELECT count(*) FROM workpool.slots WHERE granted > 1000";
        stage.value::<i64>(unknown).await == 0
    })
    .await;
}

#[tokio::test]
async fn a_pool_with_the_greatest_limit_works() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let _worker = stage.start().await;
    workpool.pool("echo").set_max_parallelism(u32::MAX).await.unwrap();
    let texts = (0..1500).map(|n| n.to_string());
    echo::enqueue_batch(workpool, texts).await.unwrap();
    eventually("all have ended", async || stage.unfinished().await == 0).await;
    assert_eq!(workpool.stats("echo").await.unwrap().max_parallelism, u32::MAX);
}

#[tokio::test]
async fn ends_written_by_hand_are_read_as_far_as_they_make_sense() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let id = WorkId::<u32>::new();
    let columns =
        "id, pool, function, kind, outcome, attempts, enqueued_at, finished_at, result, errors";
    let values = "'', '', 77, 0, -3, '-infinity', 'infinity', '\"text\"', '{null,1}'";
    stage
        .execute(&format!("INSERT INTO workpool.finished ({columns}) VALUES ('{id}', {values})"))
        .await;
    assert!(workpool.status(id).await.unwrap().unwrap().outcome().is_some());
    assert!(matches!(workpool.result(id).await, Err(Error::Undecodable { .. })));
    stage.execute("UPDATE workpool.finished SET outcome = 1, errors = NULL").await;
    assert!(matches!(workpool.result(id).await, Err(Error::WorkFailed(_))));
    stage.execute("UPDATE workpool.finished SET outcome = 1, errors = '{NULL}'").await;
    assert!(matches!(workpool.result(id).await, Err(Error::WorkFailed(_))));
    assert!(workpool.status(id).await.unwrap().is_some());
}

#[tokio::test]
async fn an_id_that_has_ended_before_ends_once_more_and_stops_nobody() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let pool = workpool.pool("echo");
    pool.pause().await.unwrap();
    let _worker = stage.start().await;
    echo::enqueue(workpool, "plain".into()).await.unwrap();
    let calling = async |what: &str| {
        let item = echo::enqueue(workpool, what.into()).on_complete::<ended>(what.into());
        item.await.unwrap();
    };
    calling("calls").await;
    stage.execute("CREATE TABLE again AS SELECT * FROM workpool.work").await;
    let all_end = async |times: usize| {
        pool.resume().await.unwrap();
        eventually("all have ended", async || stage.unfinished().await == 0).await;
        pool.pause().await.unwrap();
        assert_eq!(stage.witness.count("plain"), times);
        let called = async || {
            let called = stage.notes().await.into_iter();
            called.filter(|note| note == "calls: success \"calls\" after 1").count()
        };
        eventually("it is called back", async || called().await == times).await;
    };
    all_end(1).await;
    stage.execute("INSERT INTO workpool.work SELECT * FROM again").await;
    calling("beside").await;
    all_end(2).await;
    let beside = "beside: success \"beside\" after 1";
    eventually("it as well", async || stage.notes().await.contains(&beside.into())).await;
    // Its callback has not even begun.
    stage.execute("INSERT INTO workpool.work SELECT * FROM again WHERE callback IS NOT NULL").await;
    let parked = "INSERT INTO workpool.callbacks (id, pool, work_function, callback, outcome, attempts, run_at, parked_at)
        SELECT id, pool, function, callback, 0, 1, now(), now() FROM again WHERE callback IS NOT NULL";
    stage.execute(parked).await;
    pool.resume().await.unwrap();
    eventually("it ends", async || stage.unfinished().await == 0).await;
}
