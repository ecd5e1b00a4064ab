//! Retention: deleting what has expired, in small batches.

use sqlx::postgres::PgConnection;

use super::{SqlResult, Store};
use crate::failpoint;

impl Store {
    /// Deletes at most `limit` expired rows; returns how many.
    pub(crate) async fn prune(&self, conn: &mut PgConnection, limit: i64) -> SqlResult<u64> {
        let sql = self.sql().prune.clone();
        failpoint::reach(failpoint::PRUNE_SEND, &mut *conn).await?;
        let done = self.query(sql).bind(limit).execute(&mut *conn).await?;
        failpoint::reach(failpoint::PRUNE_DONE, conn).await?;
        Ok(done.rows_affected())
    }

    /// Sums up counters that are not of the last minutes.
    pub(crate) async fn condense_stats(&self, conn: &mut PgConnection) -> SqlResult<()> {
        self.query(self.sql().condense_stats.clone()).execute(conn).await.map(drop)
    }

    /// Deletes old records of who steered what.
    pub(crate) async fn prune_audit(&self, conn: &mut PgConnection) -> SqlResult<()> {
        self.query(self.sql().prune_audit.clone()).execute(conn).await.map(drop)
    }

    /// Deletes old counters.
    pub(crate) async fn prune_stats(&self, conn: &mut PgConnection) -> SqlResult<()> {
        self.query(self.sql().prune_stats.clone()).execute(conn).await.map(drop)
    }
}
