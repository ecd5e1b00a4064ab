//! Enqueues that are under way at the same time share a statement; nobody notices but the server.

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use sqlx::PgPool;
use sqlx::postgres::{PgListener, PgPoolOptions};
use workpool::{Error, WorkId, Workpool};
use workpool_tests::{Stage, eventually, patiently};

use crate::functions::note;

/// Refuses one work item, as a rule of the application's may.
const REFUSE_BAD: [&str; 2] = [
    "CREATE FUNCTION refuse_bad() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF NEW.args::text = '\"bad\"' THEN RAISE EXCEPTION 'bad' USING ERRCODE = 'check_violation'; END IF;
        RETURN NEW;
    END $$",
    "CREATE TRIGGER refuse_bad BEFORE INSERT ON workpool.work FOR EACH ROW EXECUTE FUNCTION refuse_bad()",
];

/// How many transactions stored what is there, and how many items that is.
async fn stored(db: &PgPool) -> (i64, i64) {
    sqlx::query_as("SELECT count(DISTINCT xmin::text), count(*) FROM workpool.work")
        .fetch_one(db)
        .await
        .unwrap()
}

// On one thread all of them are polled, and so are waiting, before the first is written.

#[tokio::test]
async fn enqueues_that_come_together_are_one_transaction() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let enqueues = (0..10).map(|n| note::enqueue(workpool, n.to_string()).into_future());
    let ids = join_all(enqueues).await;
    assert!(ids.iter().all(Result::is_ok), "{ids:?}");
    assert_eq!(stored(workpool.db()).await, (1, 10));
}

#[tokio::test]
async fn one_that_the_database_refuses_does_not_fail_the_others() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    for statement in REFUSE_BAD {
        sqlx::query(statement).execute(workpool.db()).await.unwrap();
    }
    let notes = ["one", "bad", "two"];
    let enqueues = notes.map(|text| note::enqueue(workpool, text.into()).into_future());
    let answers = join_all(enqueues).await;
    assert!(answers[0].is_ok() && answers[2].is_ok(), "{answers:?}");
    assert!(matches!(&answers[1], Err(Error::Database(_))), "{answers:?}");
    assert_eq!(stored(workpool.db()).await.1, 2);
}

#[tokio::test]
async fn whoever_gives_up_waiting_does_not_keep_the_others() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let first = note::enqueue(workpool, "dropped".into()).into_future();
    assert!(first.now_or_never().is_none(), "it was written without waiting");
    note::enqueue(workpool, "kept".into()).await.unwrap();
    let (_, items) = stored(workpool.db()).await;
    assert_eq!(items, 2, "what was given to the writer is written");
}

#[tokio::test]
async fn whoever_needs_the_only_connection_gets_it_while_enqueues_never_end() {
    const SLOW: [&str; 2] = [
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            PERFORM pg_sleep(0.05);
            RETURN NULL;
        END $$",
        "CREATE TRIGGER slow AFTER INSERT ON workpool.work EXECUTE FUNCTION slow()",
    ];
    let stage = Stage::new().await;
    for statement in SLOW {
        stage.execute(statement).await;
    }
    let one = PgPoolOptions::new().max_connections(1).connect(stage.url()).await.unwrap();
    let workpool = Workpool::attach(one).await.unwrap();
    let mut enqueues = Vec::new();
    for n in 0..2 {
        let workpool = workpool.clone();
        enqueues.push(tokio::spawn(async move {
            loop {
                note::enqueue(&workpool, n.to_string()).await.unwrap();
            }
        }));
        // One comes while that of the other is written, and so on.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for _ in 0..5 {
        patiently("a connection", workpool.status(WorkId::<()>::new())).await.unwrap();
    }
    for task in enqueues {
        task.abort();
    }
}

#[tokio::test]
async fn an_enqueue_that_gets_no_connection_is_certainly_not_stored_and_says_so() {
    let stage = Stage::new().await;
    let soon = Duration::from_millis(50);
    let one = PgPoolOptions::new().max_connections(1).acquire_timeout(soon);
    let workpool = Workpool::attach(one.connect(stage.url()).await.unwrap()).await.unwrap();
    let _held = workpool.db().acquire().await.unwrap();
    let single = note::enqueue(&workpool, "a".into()).await.unwrap_err();
    let batch = note::enqueue_batch(&workpool, ["a".into(), "b".into()]).await.unwrap_err();
    for error in [single, batch] {
        assert!(matches!(error, Error::Database(_)), "{error}");
    }
}

#[tokio::test]
async fn an_enqueue_that_waits_for_a_connection_borrows_no_slots_meanwhile() {
    const AT_ONCE: &str = "SELECT count(*) FROM workpool.finished WHERE started_at = enqueued_at";
    let stage = Stage::new().await;
    stage.workpool().pool("notes").set_max_parallelism(1).await.unwrap();
    let one = PgPoolOptions::new().max_connections(1).acquire_timeout(Duration::from_mins(5));
    let workpool = Workpool::attach(one.connect(stage.url()).await.unwrap()).await.unwrap();
    let worker = stage.worker_of(&workpool).start().await.unwrap();
    eventually("its worker lends", async || {
        let id = note::enqueue(&workpool, "before".into()).await.unwrap();
        workpool.result(id).await.unwrap();
        stage.value::<i64>(AT_ONCE).await > 0
    })
    .await;
    let held = workpool.db().acquire().await.unwrap();
    let waits = tokio::spawn({
        let workpool = workpool.clone();
        async move { note::enqueue(&workpool, "waits".into()).await }
    });
    let other = note::enqueue(stage.workpool(), "other".into()).await.unwrap();
    patiently("another one has the slot", stage.workpool().result(other)).await.unwrap();
    drop(held);
    waits.await.unwrap().unwrap();
    worker.shutdown().await;
}

#[tokio::test]
async fn an_enqueue_outside_of_a_runtime_stops_no_others() {
    let stage = Stage::new().await;
    let workpool = stage.workpool().clone();
    let outside = std::thread::spawn(move || {
        // It panics, as all that needs a runtime does.
        note::enqueue(&workpool, "outside".into()).into_future().now_or_never()
    });
    assert!(tokio::task::spawn_blocking(|| outside.join()).await.unwrap().is_err());
    let others = note::enqueue(stage.workpool(), "inside".into());
    patiently("another one is written", others.into_future()).await.unwrap();
}

#[tokio::test]
async fn of_statements_in_a_row_some_wake_workers_for_all() {
    const SLEEPER: &str = "INSERT INTO workpool.slots (pool, worker, asleep)
        SELECT 'notes', gen_random_uuid(), true";
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    stage.execute(SLEEPER).await;
    let mut listener = PgListener::connect(stage.url()).await.unwrap();
    listener.listen("workpool_workpool").await.unwrap();
    // Four of them fit into a statement.
    let text = "x".repeat(1_000_000);
    let enqueues = (0..28).map(|_| note::enqueue(workpool, text.clone()).into_future());
    let ids = join_all(enqueues).await;
    assert!(ids.iter().all(Result::is_ok), "{ids:?}");
    assert_eq!(stored(workpool.db()).await, (7, 28));
    // By the first, for those that may leave it to the next, by that, and for the last.
    for _ in 0..3 {
        let note = patiently("a notification", listener.recv()).await.unwrap();
        assert_eq!(note.payload(), "+notes");
    }
    stage.execute("SELECT pg_notify('workpool_workpool', 'the end')").await;
    let note = patiently("a notification", listener.recv()).await.unwrap();
    assert_eq!(note.payload(), "the end");
}
