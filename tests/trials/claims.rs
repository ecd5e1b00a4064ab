//! A worker played by hand that does nothing but claim and end, and says how long a claim takes.

use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;
use workpool::sqlx::postgres::PgArguments;
use workpool::sqlx::query::Query;
use workpool::sqlx::{self, Connection, Executor, PgConnection, Postgres, Row, SqlStr};

use crate::place::Place;

/// As the connections of a worker are set up.
pub(crate) const SET_UP: &str = "SET enable_seqscan = off; SET enable_bitmapscan = off; \
                                 SET jit = off; SET plan_cache_mode = force_generic_plan";
/// Items of one claim.
const ITEMS: i64 = 10;

/// The claim of a worker which runs nothing yet, in pools where it has slots.
pub(crate) fn claim<'q, const N: usize>(
    sql: SqlStr,
    worker: Uuid,
    pools: [&'q str; N],
    functions: &'q [&'q str],
) -> Query<'q, Postgres, PgArguments> {
    sqlx::query(sql)
        .bind(worker)
        .bind(pools)
        .bind([ITEMS; N])
        .bind([0_i64; N])
        .bind(["epoch"; N])
        .bind(functions)
        .bind([false; N])
}

pub(crate) struct Claimer {
    conn: PgConnection,
    claim: SqlStr,
    succeed: SqlStr,
    worker: Uuid,
}

impl Claimer {
    /// With slots in these pools.
    pub(crate) async fn new(place: &Place, pools: &[String]) -> Self {
        let mut conn = PgConnection::connect(&place.url).await.unwrap();
        conn.execute(SET_UP).await.unwrap();
        let all = workpool::testing::statements(&place.near);
        let sql = |wanted| all.iter().find(|(name, _)| *name == wanted).unwrap().1.clone();
        let worker = Uuid::now_v7();
        sqlx::query(
            "INSERT INTO workpool.workers (id, expires_at, host, pid, version, functions)
             VALUES ($1, now() + interval '1 hour', 'by hand', 0, '', '{}')",
        )
        .bind(worker)
        .execute(&mut conn)
        .await
        .unwrap();
        sqlx::query("INSERT INTO workpool.slots (pool, worker, granted) SELECT n, $1, $3 FROM unnest($2::text[]) n")
            .bind(worker)
            .bind(pools)
            .bind(ITEMS)
            .execute(&mut conn)
            .await
            .unwrap();
        Self { conn, claim: sql("claim"), succeed: sql("succeed"), worker }
    }

    /// Claims items of a pool, which have to be there, and ends them.
    pub(crate) async fn claim_and_end(&mut self, pool: &str) -> Duration {
        let begun = Instant::now();
        let claim = claim(self.claim.clone(), self.worker, [pool], &["once"]);
        let rows = claim.fetch_all(&mut self.conn).await.unwrap();
        let took = begun.elapsed();
        let ids: Vec<Uuid> = rows.iter().map(|row| row.get("id")).collect();
        assert!(!ids.is_empty(), "nothing waits in {pool}");
        let results = vec!["1"; ids.len()];
        sqlx::query(self.succeed.clone())
            .bind(self.worker)
            .bind(1_i32)
            .bind(ids)
            .bind(results)
            .execute(&mut self.conn)
            .await
            .unwrap();
        took
    }
}
