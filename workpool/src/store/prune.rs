//! Retention: deleting what has expired, in small batches.

use sqlx::postgres::PgConnection;

use super::{SqlResult, Store};

impl Store {
    /// Deletes at most `limit` expired rows; returns how many.
    pub(crate) async fn prune(&self, conn: &mut PgConnection, limit: i64) -> SqlResult<u64> {
        let sql = self.sql().prune.clone();
        Ok(self.query(sql).bind(limit).execute(conn).await?.rows_affected())
    }

    /// Deletes old counters.
    pub(crate) async fn prune_stats(&self, conn: &mut PgConnection) -> SqlResult<()> {
        self.query(self.sql().prune_stats.clone()).execute(conn).await.map(drop)
    }
}
