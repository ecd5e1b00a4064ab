//! Leases: a worker's row, its renewal, and what happens to one that was not renewed.

use std::time::Duration;

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{FromRow, Row};
use uuid::Uuid;

use super::claim::{POLICY, policy};
use super::time::micros;
use super::{SqlResult, Store, Timestamp, row};
use crate::failpoint;
use crate::retry::RetryPolicy;

/// A worker as it registers.
#[derive(Debug)]
pub(crate) struct Registration<'a> {
    pub(crate) worker: Uuid,
    pub(crate) lease: Duration,
    pub(crate) host: &'a str,
    pub(crate) functions: &'a [&'a str],
    pub(crate) pools: &'a [&'a str],
}

/// A work item that a dead worker held.
#[derive(Debug)]
pub(crate) struct Abandoned {
    pub(crate) id: Uuid,
    pub(crate) pool: String,
    pub(crate) function: String,
    pub(crate) kind: i16,
    pub(crate) attempt: i32,
    pub(crate) fence: i32,
    pub(crate) lost: i16,
    pub(crate) cancel_requested: bool,
    pub(crate) retry: Option<RetryPolicy>,
}

impl FromRow<'_, PgRow> for Abandoned {
    fn from_row(row: &PgRow) -> SqlResult<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            pool: row.try_get("pool")?,
            function: row.try_get("function")?,
            kind: row.try_get("kind")?,
            attempt: row.try_get("attempt")?,
            fence: row.try_get("fence")?,
            lost: row.try_get("lost")?,
            cancel_requested: row.try_get("cancel_requested")?,
            retry: policy(row, POLICY)?,
        })
    }
}

row! {
    /// The lease of a worker as the database sees it.
    #[derive(Debug)]
    pub(crate) struct LeaseRow {
        pub(crate) id: Uuid,
        pub(crate) expires_at: Timestamp,
        pub(crate) lease_us: i64,
        pub(crate) expires_in_us: i64,
        /// Marked as dead.
        pub(crate) dead: bool,
        pub(crate) expired: bool,
    }
}

row! {
    /// One step of the walk over all work.
    #[derive(Debug)]
    pub(crate) struct OrphanStep {
        pub(crate) last: Option<Uuid>,
        pub(crate) unknown: Vec<Uuid>,
    }
}

impl Store {
    /// Writes a worker's row and its empty slots.
    pub(crate) async fn register(
        &self,
        conn: &mut PgConnection,
        new: &Registration<'_>,
    ) -> SqlResult<()> {
        self.query(self.sql().register.clone())
            .bind(new.worker)
            .bind(micros(new.lease))
            .bind(new.host)
            .bind(i64::from(std::process::id()))
            .bind(env!("CARGO_PKG_VERSION"))
            .bind(new.functions)
            .execute(&mut *conn)
            .await?;
        failpoint::reach(failpoint::REGISTER_HALF, &mut *conn).await?;
        self.register_slots(conn, new.worker, new.pools).await
    }

    /// Adds empty slots for pools that have appeared.
    pub(crate) async fn register_slots(
        &self,
        conn: &mut PgConnection,
        worker: Uuid,
        pools: &[&str],
    ) -> SqlResult<()> {
        let sql = self.sql().register_slots.clone();
        self.query(sql).bind(worker).bind(pools).execute(conn).await.map(drop)
    }

    /// Removes a worker that holds nothing any more.
    pub(crate) async fn deregister(&self, conn: &mut PgConnection, worker: Uuid) -> SqlResult<()> {
        failpoint::reach(failpoint::DEREGISTER_SEND, &mut *conn).await?;
        self.query(self.sql().deregister.clone()).bind(worker).execute(&mut *conn).await?;
        failpoint::reach(failpoint::DEREGISTER_DONE, conn).await
    }

    /// Renews a lease. False: it has been taken for dead, and nothing it writes counts.
    pub(crate) async fn renew(
        &self,
        conn: &mut PgConnection,
        worker: Uuid,
        lease: Duration,
    ) -> SqlResult<bool> {
        let sql = self.sql().renew.clone();
        failpoint::reach(failpoint::HEARTBEAT_SEND, &mut *conn).await?;
        let done = self.query(sql).bind(worker).bind(micros(lease)).execute(&mut *conn).await?;
        failpoint::reach(failpoint::HEARTBEAT_DONE, conn).await?;
        Ok(done.rows_affected() == 1)
    }

    /// The leases of all other workers.
    pub(crate) async fn leases(
        &self,
        conn: &mut PgConnection,
        worker: Uuid,
    ) -> SqlResult<Vec<LeaseRow>> {
        self.query_as(self.sql().leases.clone()).bind(worker).fetch_all(conn).await
    }

    /// Marks those of these workers whose lease has run out as dead, and names all to recover.
    pub(crate) async fn bury(
        &self,
        conn: &mut PgConnection,
        silent: &[Uuid],
    ) -> SqlResult<Vec<Uuid>> {
        if !silent.is_empty() {
            failpoint::reach(failpoint::BURY_SEND, &mut *conn).await?;
        }
        let sql = self.sql().bury.clone();
        let dead = self.query_scalar(sql).bind(silent).fetch_all(&mut *conn).await?;
        failpoint::reach(failpoint::BURY_DONE, conn).await?;
        Ok(dead)
    }

    /// Locks a part of what a dead worker held.
    pub(crate) async fn abandoned(
        &self,
        conn: &mut PgConnection,
        dead: Uuid,
        limit: i64,
    ) -> SqlResult<Vec<Abandoned>> {
        let sql = self.sql().abandoned.clone();
        self.query_as(sql).bind(dead).bind(limit).fetch_all(conn).await
    }

    /// Frees a dead worker's callbacks, and forgets it when it holds no work any more.
    /// Returns the number of callbacks.
    pub(crate) async fn inter(&self, conn: &mut PgConnection, dead: Uuid) -> SqlResult<i64> {
        let mut tx = self.begin(conn).await?;
        self.query(self.sql().lock_worker.clone()).bind(dead).execute(&mut *tx).await?;
        failpoint::reach(failpoint::INTER_BEGUN, &mut *tx).await?;
        let sql = self.sql().inter.clone();
        let row = self.query(sql).bind(dead).fetch_one(&mut *tx).await?;
        failpoint::reach(failpoint::INTER_WRITTEN, &mut *tx).await?;
        tx.commit().await?;
        failpoint::reach(failpoint::INTER_COMMITTED, conn).await?;
        row.try_get("callbacks")
    }

    /// Looks at `rows` items after `after` for ones whose worker is not known at all, and has such
    /// workers recovered as dead ones.
    pub(crate) async fn orphans(
        &self,
        conn: &mut PgConnection,
        after: Uuid,
        rows: i64,
    ) -> SqlResult<OrphanStep> {
        self.query_as(self.sql().orphans.clone()).bind(after).bind(rows).fetch_one(conn).await
    }
}
