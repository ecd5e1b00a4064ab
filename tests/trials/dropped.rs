//! Futures of the API that are dropped half-way, at any instant: no transaction is left open, no
//! connection is lost, nothing is stored by halves, and nobody goes on working in secret.

use std::time::Duration;

use futures_util::StreamExt;
use rand::RngExt;
use rand::rngs::StdRng;
use tokio::time::timeout;
use uuid::Uuid;
use workpool::sqlx::{self, PgPool, Row};
use workpool::{Pool, Result, WorkId, Workpool};

use crate::functions::{Task, once};
use crate::place::{self, Place};
use crate::report::{Report, Setup};

/// Futures at full size.
const FUTURES: u64 = 5000;
/// Few connections: one that is lost would be missed.
const CONNECTIONS: u32 = 3;
/// Items of a batch.
const BATCH: usize = 10;
/// How long something may go on after its future was dropped.
const SETTLES: Duration = Duration::from_secs(20);

/// What may still be there of a dropped call.
#[derive(Default)]
struct Drawn {
    singles: Vec<WorkId<u32>>,
    batches: Vec<String>,
    /// What the call said was stored: it must be there.
    sure: Vec<Uuid>,
}

pub(crate) async fn run(setup: &Setup) -> Report {
    let mut report = Report::default();
    let mut numbers = setup.numbers(1);
    let place = Place::new().await;
    place.near.pool("mixed").pause().await.unwrap();
    let far = place.handle(CONNECTIONS).await;
    let mut drawn = Drawn::default();
    let mut completed = 0_u64;
    for _ in 0..setup.some(FUTURES) {
        report.exposures += 1;
        let patience = Duration::from_micros(numbers.random_range(0..4000));
        let which = numbers.random_range(0..18);
        let call = call(which, &place, &far, &mut drawn, &mut numbers);
        completed += u64::from(timeout(patience, call).await.is_ok());
        clean(&far, which, &mut report).await;
    }
    report.figure("completed", completed);
    few_workers(&place, &mut numbers, setup.some(40), &mut report).await;
    check(&place, &drawn, &mut report).await;
    report
}

/// One call; where it is cut off is the caller's business.
async fn call(
    which: u32,
    place: &Place,
    far: &Workpool,
    drawn: &mut Drawn,
    numbers: &mut StdRng,
) -> Result<()> {
    let id = WorkId::<u32>::new();
    let known = drawn.singles.last().copied().unwrap_or(id);
    let pool = far.pool("mixed");
    match which {
        0 | 1 => {
            drawn.singles.push(id);
            drawn.sure.push(once::enqueue(far, Task::SUCCEEDS).id(id).await?.uuid());
            Ok(())
        }
        2 | 3 => {
            let name = id.to_string();
            drawn.batches.push(name.clone());
            let ids = once::enqueue_batch(far, [Task::SUCCEEDS; BATCH]).name(name).await?;
            drawn.sure.extend(ids.iter().map(WorkId::uuid));
            Ok(())
        }
        4 => within(far, id, drawn).await,
        5 if numbers.random_ratio(1, 4) => far.cancel(known).await.map(drop),
        6 => pool.cancel_all().function("nothing").run().await.map(drop),
        7 => pool.set_max_parallelism(numbers.random_range(1..9)).await,
        8 => pool.pause().await,
        9 => far.create_pool(Pool::new("now and then")).await.map(drop),
        5 | 10 => far.pool("now and then").remove().await,
        11 => far.status_batch([known, id]).await.map(drop),
        12 => far.result(known).await.map(drop),
        13 => {
            let mut changes = std::pin::pin!(far.watch(known));
            while changes.next().await.transpose()?.is_some() {}
            Ok(())
        }
        14 => {
            let mut changes = std::pin::pin!(far.watch_pool("mixed"));
            while changes.next().await.transpose()?.is_some() {}
            Ok(())
        }
        15 => far.replay_callbacks([known.uuid()]).await.map(drop),
        16 => far.stats("mixed").await.map(drop),
        _ => Workpool::connect(&place.url).await.map(drop),
    }
}

/// The caller's own transaction, dropped with the rest: then nothing of it may be there.
async fn within(far: &Workpool, id: WorkId<u32>, drawn: &mut Drawn) -> Result<()> {
    let near = far.db().clone();
    drawn.singles.push(id);
    let mut tx = begun(&near).await?;
    once::enqueue(&far.within(&mut tx), Task::SUCCEEDS).id(id).await?;
    tx.commit().await?;
    drawn.sure.push(id.uuid());
    Ok(())
}

/// A transaction of the caller's. To be cut off while it begins is the caller's own fault with this
/// version of sqlx, so that happens elsewhere.
async fn begun(db: &PgPool) -> Result<sqlx::Transaction<'static, sqlx::Postgres>> {
    let db = db.clone();
    let task = tokio::spawn(async move { db.begin().await });
    Ok(task.await.expect("nothing panics")?)
}

/// Starts and shutdowns of workers that are cut off: whoever has no handle on a worker cannot stop
/// it, so it must stop by itself.
async fn few_workers(place: &Place, numbers: &mut StdRng, starts: u64, report: &mut Report) {
    const SECRET: &str = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name IN
            ('workpool', 'workpool ends', 'workpool mutations', 'workpool callbacks')";
    let far = place.handle(CONNECTIONS).await;
    for _ in 0..starts {
        report.exposures += 1;
        let patience = Duration::from_micros(numbers.random_range(0..100_000));
        let start = place::quick(&far).start();
        match timeout(patience, start).await {
            Ok(worker) => {
                let patience = Duration::from_micros(numbers.random_range(0..20_000));
                let _ = timeout(patience, worker.unwrap().shutdown()).await;
                report.count("workers started");
            }
            Err(_) => report.count("workers cut off"),
        }
    }
    if !place.until_none(SECRET, SETTLES).await {
        let left = place.count(SECRET).await;
        report.breach(format!("{left} connections of workers that nobody has a handle on"));
    }
    let left = place.count("SELECT count(*) FROM workpool.workers").await;
    report.require(left == 0, || format!("{left} workers are still registered"));
    far.db().close().await;
}

/// All connections are there, and none is inside a transaction: then the time would stand still.
async fn clean(far: &Workpool, call: u32, report: &mut Report) {
    let mut all = Vec::new();
    for _ in 0..CONNECTIONS {
        match timeout(SETTLES, far.db().acquire()).await {
            Ok(Ok(conn)) => all.push(conn),
            other => report.breach(format!("a connection cannot be acquired: {other:?}")),
        }
    }
    for conn in &mut all {
        // Not as a prepared statement, which is a step behind.
        let answer = sqlx::raw_sql("SELECT (statement_timestamp() - now())::text");
        let row = answer.fetch_one(&mut **conn).await.and_then(|row| row.try_get::<String, _>(0));
        report.require(row.as_ref().is_ok_and(|age| age == "00:00:00"), || {
            format!("after call {call} a dirty connection: {row:?}")
        });
    }
}

async fn check(place: &Place, drawn: &Drawn, report: &mut Report) {
    const OPEN: &str = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()
            AND state LIKE 'idle in transaction%'";
    if !place.until_none(OPEN, SETTLES).await {
        report.breach("a transaction was left open");
    }
    let ids: Vec<Uuid> = drawn.singles.iter().map(WorkId::uuid).collect();
    let stored = sqlx::query_scalar(
        "SELECT count(*) FROM (SELECT id FROM workpool.work WHERE id = ANY ($1)
            UNION ALL SELECT id FROM workpool.finished WHERE id = ANY ($1)) w
         GROUP BY id HAVING count(*) > 1",
    );
    let doubled: Vec<i64> = stored.bind(&ids).fetch_all(place.near.db()).await.unwrap();
    report.require(doubled.is_empty(), || format!("{} items are there twice", doubled.len()));
    let stored = sqlx::query_scalar(
        "SELECT count(DISTINCT id) FROM (SELECT id FROM workpool.work
            UNION ALL SELECT id FROM workpool.finished) w WHERE id = ANY ($1)",
    );
    let stored: i64 = stored.bind(&drawn.sure).fetch_one(place.near.db()).await.unwrap();
    let missing = i64::try_from(drawn.sure.len()).unwrap() - stored;
    report.require(missing == 0, || format!("{missing} items that were stored are not there"));
    report.figure("acknowledged", stored);
    let halves = sqlx::query_scalar(
        "SELECT count(*) FROM (SELECT name FROM workpool.work WHERE name = ANY ($1)
            UNION ALL SELECT name FROM workpool.finished WHERE name = ANY ($1)) w
         GROUP BY name",
    );
    let sizes: Vec<i64> = halves.bind(&drawn.batches).fetch_all(place.near.db()).await.unwrap();
    let whole = i64::try_from(BATCH).unwrap();
    let bad = sizes.iter().filter(|size| **size != whole).count();
    report.require(bad == 0, || format!("{bad} batches are there in part or twice"));
    report.figure("batches stored", sizes.len());
    report.figure("batches cut off", drawn.batches.len() - sizes.len());
}
