//! A queue of notifications that is full, because somebody listens and does not read: whoever
//! notifies fails at the commit. Nothing of ours may.

use std::time::Duration;

use workpool::sqlx::{self, AssertSqlSafe, Connection, Executor, PgConnection};
use workpool::{Cancel, MutationCtx, Pool, Result, WorkId, Workpool, mutation};

use crate::functions::{Entries, Kind, MIXED, Task, once, told};
use crate::place::{self, Place};
use crate::report::Report;

/// In place of the server's own functions: a queue that is full from the start.
const FULL: &str = "
    CREATE SCHEMA shadow;
    CREATE TABLE shadow.queue (payload text);
    CREATE FUNCTION shadow.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        RAISE program_limit_exceeded USING MESSAGE = 'too many notifications in the NOTIFY queue';
    END $$;
    CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON shadow.queue DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION shadow.refuse();
    CREATE FUNCTION shadow.pg_notify(text, text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO shadow.queue VALUES ($2);
    END $$;
    CREATE FUNCTION shadow.pg_notification_queue_usage() RETURNS double precision
        LANGUAGE sql AS 'SELECT 1.0';";
const SHADOWED: &str = "DO $$ BEGIN
    EXECUTE format(
        'ALTER DATABASE %I SET search_path = shadow, public, pg_catalog', current_database()
    );
END $$";

/// Enqueues an item in its own transaction.
#[mutation(name = "enqueues", pool = MIXED)]
async fn enqueues(ctx: &mut MutationCtx<'_>, child: WorkId<u32>) -> Result<()> {
    once::enqueue(ctx, Task::SUCCEEDS).id(child).await.map(drop)
}

pub(super) async fn run(report: &mut Report) {
    let place = Place::new().await;
    place.execute(FULL).await;
    place.execute(SHADOWED).await;
    let there = place.handle(5).await;
    let refused = sqlx::query("SELECT pg_notify('x', 'y')").execute(there.db()).await;
    assert!(refused.is_err(), "the queue is full");
    survives(&place, &there, report).await;
}

/// Fills the queue until the server says that it is full: 8 GB.
#[allow(dead_code, reason = "the program uses it, the tests do not")]
pub(super) async fn run_full(report: &mut Report) {
    const MOST_STEPS: u32 = 200;
    let place = Place::new().await;
    let mut listener = PgConnection::connect(&place.url).await.unwrap();
    // It listens, and stays in a transaction: nothing can be forgotten.
    listener.execute("LISTEN nobody").await.unwrap();
    listener.execute("BEGIN; SELECT 1").await.unwrap();
    let mut steps = 0;
    let refusal = loop {
        let fill = AssertSqlSafe(format!(
            "SELECT count(pg_notify('nobody', repeat('x', 7900) || '{steps}.' || n))
             FROM generate_series(1, 12000) n"
        ));
        match sqlx::query(fill).execute(place.near.db()).await {
            Ok(_) => steps += 1,
            Err(error) => break error,
        }
        assert!(steps < MOST_STEPS, "the queue is never full");
    };
    report.figure("refusal", refusal.to_string());
    survives(&place, &place.handle(5).await, report).await;
    // Until here it has held the queue.
    drop(listener);
}

/// Everything goes on when notifications cannot be sent.
async fn survives(place: &Place, there: &Workpool, report: &mut Report) {
    place.execute(include_str!("../../simulation/audit.sql")).await;
    let entries = Entries::default();
    let worker = place::quick(there).state(entries.clone()).start().await.unwrap();
    // It sleeps: whoever enqueues would notify.
    let awake = "SELECT count(*) FROM workpool.slots WHERE NOT asleep";
    assert!(place.until_none(awake, Duration::from_secs(20)).await, "the worker sleeps");
    let caller = place.handle(5).await;
    let (single, inner, child) = (WorkId::new(), WorkId::new(), WorkId::new());
    let mut done = Vec::new();
    let mut note = |what: &str, answer: Result<()>| {
        report.exposures += 1;
        report.require(answer.is_ok(), || format!("full queue: {what}: {answer:?}"));
        done.push(answer.is_ok());
    };
    note("enqueue", Kind::Once.enqueue(&caller, single, Task::SUCCEEDS).await);
    note("batch", once::enqueue_batch(&caller, [Task::SUCCEEDS; 3]).await.map(drop));
    note("within", within(&caller, inner).await);
    note("mutation", enqueues::enqueue(&caller, child).await.map(drop));
    note("create", caller.create_pool(Pool::new("another")).await.map(drop));
    let pool = caller.pool("mixed");
    note("resize", pool.set_max_parallelism(3).await);
    if !place.quiet(Duration::from_secs(20)).await {
        report.breach("full queue: not everything has ended");
    }
    note_steering(&caller, report).await;
    for id in [single, inner, child] {
        report.exposures += 1;
        let result = caller.result(id).await;
        report.require(result.is_ok(), || format!("full queue: {id} ended as {result:?}"));
    }
    let failed = place.count("SELECT count(*) FROM workpool.finished WHERE outcome = 1").await;
    report.require(failed == 0, || format!("full queue: {failed} items failed"));
    worker.shutdown().await;
}

async fn within(workpool: &Workpool, id: WorkId<u32>) -> Result<()> {
    let mut tx = workpool.db().begin().await?;
    Kind::Book.enqueue(&workpool.within(&mut tx), id, Task::SUCCEEDS).await?;
    Ok(tx.commit().await?)
}

/// Pausing, canceling, replaying.
async fn note_steering(workpool: &Workpool, report: &mut Report) {
    let pool = workpool.pool("mixed");
    let id = WorkId::new();
    let steer = async {
        pool.pause().await?;
        once::enqueue(workpool, Task::SUCCEEDS).id(id).on_complete::<told>(String::new()).await?;
        let canceled = workpool.cancel(id).await?;
        workpool.replay_callbacks([id.uuid()]).await?;
        pool.resume().await?;
        Ok::<_, workpool::Error>(canceled)
    };
    report.exposures += 5;
    let answer = steer.await;
    let good = matches!(answer, Ok(Cancel::Canceled));
    report.require(good, || format!("full queue: steering: {answer:?}"));
}
