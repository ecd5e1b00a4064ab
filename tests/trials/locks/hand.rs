//! A worker played by hand: it claims, and ends what it has claimed in an order that no real worker
//! would use; or it dies with it.

use std::collections::BTreeMap;
use std::collections::HashMap;

use rand::RngExt;
use rand::rngs::StdRng;
use uuid::Uuid;
use workpool::sqlx::{self, Connection, Executor, PgConnection, Row, SqlStr};

use super::POOLS;
use crate::claims::{SET_UP, claim};
use crate::place::Place;

pub(super) struct Hand {
    conn: PgConnection,
    sql: HashMap<&'static str, SqlStr>,
    worker: Option<Uuid>,
}

impl Hand {
    pub(super) async fn new(place: &Place) -> Self {
        let mut conn = PgConnection::connect(&place.url).await.unwrap();
        conn.execute(SET_UP).await.unwrap();
        let sql = workpool::testing::statements(&place.near).into_iter().collect();
        Self { conn, sql, worker: None }
    }

    fn sql(&self, name: &str) -> SqlStr {
        self.sql[name].clone()
    }

    pub(super) async fn prune(&mut self) -> sqlx::Result<()> {
        let sql = self.sql("prune");
        sqlx::query(sql).bind(50_i64).execute(&mut self.conn).await.map(drop)
    }

    /// Claims some items, and ends them, tries them again, hands them back, or dies.
    pub(super) async fn work(&mut self, numbers: &mut StdRng) -> sqlx::Result<()> {
        let worker = self.register().await?;
        let claimed = self.claim(worker).await?;
        let how = numbers.random_range(0..4);
        for (fence, mut ids) in claimed {
            ids.sort_unstable_by(|a, b| b.cmp(a));
            match how {
                0 => self.finish(worker, fence, &ids).await?,
                1 => self.retry(worker, fence, &ids).await?,
                2 => self.release(worker, fence, &ids).await?,
                _ => {}
            }
        }
        if how == 3 {
            self.worker = None;
            let sql = "UPDATE workpool.workers SET expires_at = 'epoch' WHERE id = $1";
            sqlx::query(sql).bind(worker).execute(&mut self.conn).await?;
        }
        Ok(())
    }

    /// Under an id of its own, with more slots than anybody grants.
    async fn register(&mut self) -> sqlx::Result<Uuid> {
        if let Some(worker) = self.worker {
            let thaw = "UPDATE workpool.slots SET frozen = false WHERE worker = $1 AND pool = $2";
            for pool in POOLS {
                sqlx::query(thaw).bind(worker).bind(pool).execute(&mut self.conn).await?;
            }
            return Ok(worker);
        }
        let worker = Uuid::now_v7();
        for sql in [
            "INSERT INTO workpool.workers (id, expires_at, lease_us, host, pid, version, functions)
             VALUES ($1, now() + interval '1 hour', 300000, 'by hand', 0, '', '{}')",
            "INSERT INTO workpool.slots (pool, worker, granted)
             SELECT 'lock-' || n, $1, 10 FROM unnest('{a,b}'::text[]) n",
        ] {
            sqlx::query(sql).bind(worker).execute(&mut self.conn).await?;
        }
        self.worker = Some(worker);
        Ok(worker)
    }

    async fn claim(&mut self, worker: Uuid) -> sqlx::Result<BTreeMap<i32, Vec<Uuid>>> {
        let claim = claim(self.sql("claim"), worker, POOLS, &["once", "again", "book", "look"]);
        let rows = claim.fetch_all(&mut self.conn).await?;
        let mut claimed: BTreeMap<i32, Vec<Uuid>> = BTreeMap::new();
        for row in rows {
            claimed.entry(row.get("fence")).or_default().push(row.get("id"));
        }
        Ok(claimed)
    }

    async fn finish(&mut self, worker: Uuid, fence: i32, ids: &[Uuid]) -> sqlx::Result<()> {
        sqlx::query(self.sql("finish"))
            .bind(worker)
            .bind(fence)
            .bind(ids)
            .bind(vec![0_i16; ids.len()])
            .bind(vec!["1"; ids.len()])
            .bind(vec![None::<&str>; ids.len()])
            .bind(Vec::<&str>::new())
            .bind(Vec::<&str>::new())
            .execute(&mut self.conn)
            .await
            .map(drop)
    }

    async fn retry(&mut self, worker: Uuid, fence: i32, ids: &[Uuid]) -> sqlx::Result<()> {
        sqlx::query(self.sql("retry"))
            .bind(worker)
            .bind(fence)
            .bind(ids)
            .bind(vec![1000_i64; ids.len()])
            .bind(vec!["{}"; ids.len()])
            .execute(&mut self.conn)
            .await
            .map(drop)
    }

    async fn release(&mut self, worker: Uuid, fence: i32, ids: &[Uuid]) -> sqlx::Result<()> {
        sqlx::query(self.sql("release"))
            .bind(worker)
            .bind(fence)
            .bind(ids)
            .bind(false)
            .execute(&mut self.conn)
            .await
            .map(drop)
    }
}
