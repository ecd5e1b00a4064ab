//! Enqueues that are under way at the same time share a statement; nobody notices but the server.

use futures_util::FutureExt;
use futures_util::future::join_all;
use sqlx::PgPool;
use workpool::Error;
use workpool_tests::Stage;

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
