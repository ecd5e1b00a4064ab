//! Wake-ups are hints: nothing depends on one, and nobody sends one in vain.

use std::time::{Duration, Instant};

use sqlx::postgres::PgListener;
use workpool::testing::{Postgres, PostgresOptions};
use workpool::{Pool, Workpool};
use workpool_tests::{Gates, Stage, Witness, eventually, patiently};

use crate::functions::{TOO_LATE, echo, let_workers_look};

/// How many listen, apart from those that did before.
const LISTENERS: &str = "SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'workpool listener'
    AND query LIKE 'LISTEN%' AND state = 'idle'
    AND pid NOT IN (SELECT pid FROM cut_off)";

#[tokio::test]
async fn work_that_nobody_announced_is_found_by_polling() {
    let stage = Stage::new().await;
    let _worker = stage.start().await;
    let hour = Duration::from_hours(1);
    let id = echo::enqueue(stage.workpool(), "x".into()).run_after(hour).await.unwrap();
    let_workers_look(&stage).await;
    assert!(stage.workpool().status(id).await.unwrap().unwrap().is_pending());
    stage.execute("UPDATE workpool.work SET run_at = statement_timestamp()").await;
    stage.witness.until("x", 1).await;
}

#[tokio::test]
async fn a_listener_that_was_cut_off_listens_again() {
    let stage = Stage::new().await;
    stage.execute("CREATE TABLE cut_off (pid integer)").await;
    let other = stage.another_process().await;
    let worker = stage.worker_of(&other).poll_interval(TOO_LATE);
    let _worker = worker.start().await.unwrap();
    eventually("it listens", async || stage.value::<i64>(LISTENERS).await > 0).await;
    let listeners = "INSERT INTO cut_off SELECT pid FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'workpool listener'";
    stage.execute(listeners).await;
    stage.execute("SELECT pg_terminate_backend(pid) FROM cut_off").await;
    eventually("it listens again", async || stage.value::<i64>(LISTENERS).await > 0).await;
    echo::enqueue(stage.workpool(), "x".into()).await.unwrap();
    stage.witness.until("x", 1).await;
}

#[tokio::test]
async fn an_enqueue_that_nobody_sleeps_for_notifies_nobody() {
    let stage = Stage::new().await;
    let mut listener = PgListener::connect(stage.url()).await.unwrap();
    listener.listen("workpool_workpool").await.unwrap();
    echo::enqueue(stage.workpool(), "x".into()).await.unwrap();
    stage.execute("SELECT pg_notify('workpool_workpool', 'the next')").await;
    let note = patiently("a notification", listener.recv()).await.unwrap();
    assert_eq!(note.payload(), "the next");
}

#[tokio::test]
async fn books_are_kept_by_the_second_and_not_for_each_item() {
    const ITEMS: u64 = 40;
    let stage = Stage::new().await;
    let worker = stage.worker().lease(TOO_LATE).heartbeat(Duration::from_secs(5));
    let _worker = worker.start().await.unwrap();
    let begun = Instant::now();
    for item in 0..ITEMS {
        let item = item.to_string();
        echo::enqueue(stage.workpool(), item.clone()).await.unwrap();
        stage.witness.until(&item, 1).await;
        let left = "SELECT count(*) FROM workpool.work";
        eventually("it has ended", async || stage.value::<i64>(left).await == 0).await;
    }
    let seconds = begun.elapsed().as_secs();
    let books = stage.value::<i64>("SELECT count(*) FROM workpool.stats").await;
    // One at the start, and one that was about to be written.
    let usual = i64::try_from(seconds + 2).unwrap();
    assert!(books <= usual, "written {books} times in {seconds} s for {ITEMS} items");
}

/// A server that counts statements.
async fn counting() -> Postgres {
    let options = PostgresOptions::new()
        .setting("shared_preload_libraries", "pg_stat_statements")
        .setting("max_connections", "600");
    let server = Postgres::start_with(options).await.unwrap();
    let workpool = Workpool::connect(&server.url()).await.unwrap();
    let create = "CREATE EXTENSION pg_stat_statements";
    sqlx::query(create).execute(workpool.db()).await.unwrap();
    server
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_item_does_not_make_a_crowd_claim() {
    const CROWD: i64 = 40;
    /// It is three or four, and more on a busy machine, where the others look before the first have
    /// claimed.
    const FEW: i64 = 10;
    const CLAIMS: &str = "SELECT COALESCE(sum(calls), 0)::bigint FROM pg_stat_statements
        WHERE query LIKE '%SET worker = $1, attempt = LEAST%'";
    const AWAKE: &str = "SELECT count(*) FROM workpool.slots WHERE pool = 'echo' AND NOT asleep";
    let server = counting().await;
    let workpool = Workpool::connect(&server.url()).await.unwrap();
    let number = async |sql: &'static str| {
        sqlx::query_scalar::<_, i64>(sql).fetch_one(workpool.db()).await.unwrap()
    };
    workpool.create_pool(Pool::new("echo").max_parallelism(40)).await.unwrap();
    let witness = Witness::default();
    let mut crowd = Vec::new();
    for _ in 0..CROWD {
        let process = Workpool::connect(&server.url()).await.unwrap();
        let worker = process.worker().state(witness.clone()).state(Gates::default());
        let worker = worker.only_pools(["echo"]).poll_interval(TOO_LATE);
        crowd.push(worker.start().await.unwrap());
    }
    let claims_for = async |item: String| {
        eventually("all sleep", async || number(AWAKE).await == 0).await;
        let before = number(CLAIMS).await;
        echo::enqueue(&workpool, item.clone()).await.unwrap();
        witness.until(&item, 1).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        number(CLAIMS).await - before
    };
    // Until they know of each other, and each holds the slot that the first item made it take.
    let mut items = 0;
    let mut claims = i64::MAX;
    while claims > FEW {
        claims = claims_for(format!("first {items}")).await;
        items += 1;
        assert!(items < 10, "{claims} claims for one item");
    }
    // A moment in which the machine is busy makes others look too: the usual number counts.
    let usual = async |round: &str| {
        let mut all = Vec::new();
        for item in 0..9 {
            all.push(claims_for(format!("{round} {item}")).await);
        }
        all.sort_unstable();
        all[4]
    };
    let mut few = usual("next").await;
    if few > FEW {
        few = usual("again").await;
    }
    assert!(few <= FEW, "usually {few} claims for one item");
    for worker in crowd {
        worker.shutdown().await;
    }
}
