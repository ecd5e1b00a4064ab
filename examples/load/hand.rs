//! What mutations are compared with: the same effects and the same changes of rows, in transactions
//! that are written by hand, one an item, on some connections.
//!
//! A connection that has nothing to do claims as many items as there are connections, in one
//! statement; so with one connection each is claimed by itself, as in a pool of one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::{Value, json};
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Executor};
use tokio::sync::Mutex;
use workpool::uuid::Uuid;

use crate::cost::Cost;
use crate::fill;
use crate::options::{Config, Options};
use crate::place::Place;
use crate::tally::Tally;
use crate::verdict;

const CLAIM: &str = "
    UPDATE workpool.work SET worker = $1, attempt = attempt + 1, fence = fence + 1, started_at = now()
    WHERE id = ANY (ARRAY(
        SELECT id FROM workpool.work WHERE pool = 'load' AND worker IS NULL AND run_at <= now()
        ORDER BY run_at, id LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED
    ))
    RETURNING id, (args->>'n')::bigint";
const EFFECT: &str = "INSERT INTO load_rows (n) VALUES ($1)";
const END: &str = "
    WITH gone AS (DELETE FROM workpool.work WHERE id = $1 AND worker = $2 RETURNING *)
    INSERT INTO workpool.finished (
        id, pool, function, kind, name, outcome, attempts, enqueued_at, started_at, finished_at, expires_at, result
    )
    SELECT id, pool, function, kind, name, 0, attempt, enqueued_at, started_at, now(),
        now() + status_ttl_ms * interval '1 millisecond', '{\"ok\":true}'
    FROM gone";

type Claimed = Arc<Mutex<Vec<(Uuid, i64)>>>;

pub(crate) async fn run(place: &mut Place, options: &Options) -> Result<Value> {
    let options = &Options { config: Config::Mutation, ..options.clone() };
    fill::ready(place, options).await?;
    let run = verdict::begin(place).await?;
    let tally = Tally::expecting(options.n);
    let claimed = Claimed::default();
    let mut connections = Vec::new();
    for _ in 0..options.conc.max(1) {
        connections.push(connect(&place.url).await?);
    }
    let before = Cost::read(&mut place.observer).await?;
    let begun = Instant::now();
    let tasks: Vec<_> = connections
        .into_iter()
        .map(|conn| {
            let at_once = i64::from(options.conc);
            tokio::spawn(work_off(conn, Arc::clone(&claimed), at_once, Arc::clone(&tally)))
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    let done = begun.elapsed();
    let cost = Cost::read(&mut place.observer).await?.since(&before);
    verdict::settle(place, run, &tally).await?;
    verdict::ended(place, options, options.n).await?;
    let start = Duration::from_micros(tally.last_us()).saturating_sub(done).as_secs_f64();
    let done = done.as_secs_f64();
    let runs = tally.runs();
    let mut numbers =
        json!({ "start_unix": start, "executed": runs, "exec_s": done, "done_s": done });
    cost.per_item(runs, &mut numbers);
    Ok(numbers)
}

/// Statements prepared, without running any.
async fn connect(url: &str) -> Result<PgConnection> {
    let mut conn = PgConnection::connect(url).await?;
    for statement in [CLAIM, EFFECT, END] {
        conn.prepare(sqlx::SqlSafeStr::into_sql_str(statement)).await?;
    }
    Ok(conn)
}

async fn work_off(
    mut conn: PgConnection,
    claimed: Claimed,
    at_once: i64,
    tally: Arc<Tally>,
) -> Result<()> {
    // One holder of all, so that whoever runs an item may not be who claimed it.
    let holder = Uuid::max();
    loop {
        let mut waiting = claimed.lock().await;
        if waiting.is_empty() {
            let claim = sqlx::query_as(CLAIM).bind(holder).bind(at_once);
            *waiting = claim.fetch_all(&mut conn).await?;
        }
        let Some((id, n)) = waiting.pop() else { return Ok(()) };
        drop(waiting);
        conn.execute("BEGIN").await?;
        sqlx::query(EFFECT).bind(n).execute(&mut conn).await?;
        tally.ran(n);
        sqlx::query(END).bind(id).bind(holder).execute(&mut conn).await?;
        conn.execute("COMMIT").await?;
    }
}
