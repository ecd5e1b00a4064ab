//! Workers and their slots, for people.

use sqlx::Row;
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::list::time;
use super::{SqlResult, Store, Timestamp};
use crate::view::{WorkerPool, WorkerRow};

impl Store {
    /// All workers, without their pools.
    pub(crate) async fn list_workers(&self, conn: &mut PgConnection) -> SqlResult<Vec<WorkerRow>> {
        let rows = self.query(self.sql().list_workers.clone()).fetch_all(conn).await?;
        let read = rows.iter().map(|row| {
            Ok(WorkerRow {
                id: row.try_get("id")?,
                host: row.try_get("host")?,
                pid: row.try_get("pid")?,
                version: row.try_get("version")?,
                started_at: time(row, "started_at")?.unwrap_or_else(|| Timestamp::EPOCH.into()),
                lease_left_ms: row.try_get("lease_left_ms")?,
                alive: row.try_get("alive")?,
                functions: row.try_get("functions")?,
                pools: Vec::new(),
            })
        });
        read.collect()
    }

    /// What workers have of each pool; the most items to look at in each,
    /// and in all.
    pub(crate) async fn list_slots(
        &self,
        conn: &mut PgConnection,
        (bound, total): (i64, i64),
    ) -> SqlResult<Vec<(Uuid, WorkerPool)>> {
        let slots = self.query(self.sql().list_slots.clone()).bind(bound).bind(total);
        let rows = slots.fetch_all(conn).await?;
        let read = rows.iter().map(|row| {
            let pool = WorkerPool {
                pool: row.try_get("pool")?,
                granted: row.try_get::<i64, _>("granted")?.unsigned_abs(),
                running: row.try_get::<i64, _>("running")?.unsigned_abs(),
                frozen: row.try_get("frozen")?,
            };
            Ok((row.try_get("worker")?, pool))
        });
        read.collect()
    }
}
