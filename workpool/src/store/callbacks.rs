//! Callbacks: rows written in the transaction that ended the work, until they have run.

use std::time::Duration;

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{FromRow, Row};
use uuid::Uuid;

use super::time::micros;
use super::{SqlResult, Store, Timestamp, row};
use crate::failpoint;
use crate::function::RawCompletion;
use crate::work::OutcomeKind;

/// A callback that is ours.
#[derive(Debug)]
pub(crate) struct RawCallback {
    pub(crate) id: Uuid,
    pub(crate) callback: String,
    pub(crate) attempt: i32,
    pub(crate) fence: i32,
    /// The span of the attempt that ended the work, or the one in which it was enqueued.
    pub(crate) trace: Option<String>,
    pub(crate) completion: RawCompletion,
}

impl FromRow<'_, PgRow> for RawCallback {
    fn from_row(row: &PgRow) -> SqlResult<Self> {
        let id = row.try_get("id")?;
        Ok(Self {
            id,
            callback: row.try_get("callback")?,
            attempt: row.try_get("attempt")?,
            fence: row.try_get("fence")?,
            trace: row.try_get("trace")?,
            completion: RawCompletion {
                id,
                context: row.try_get("context")?,
                outcome: OutcomeKind::from_code(row.try_get("outcome")?),
                result: row.try_get("result")?,
                errors: row.try_get("errors")?,
                attempts: row.try_get("attempts")?,
            },
        })
    }
}

row! {
    /// A callback that was given up.
    #[derive(Debug)]
    pub(crate) struct ParkedRow {
        pub(crate) id: Uuid,
        pub(crate) pool: String,
        pub(crate) work_function: String,
        pub(crate) callback: String,
        pub(crate) context: Option<String>,
        pub(crate) outcome: i16,
        pub(crate) attempt: i32,
        pub(crate) parked_at: Timestamp,
        pub(crate) error: Option<String>,
    }
}

impl Store {
    /// Claims due callbacks.
    pub(crate) async fn claim_callbacks(
        &self,
        conn: &mut PgConnection,
        worker: Uuid,
        known: &[&str],
        limit: i64,
    ) -> SqlResult<Vec<RawCallback>> {
        let sql = self.sql().claim_callbacks.clone();
        failpoint::reach(failpoint::CALLBACK_CLAIM_SEND, &mut *conn).await?;
        let claim = self.query_as(sql).bind(worker).bind(known).bind(limit);
        let claimed = claim.fetch_all(&mut *conn).await?;
        failpoint::reach(failpoint::CALLBACK_CLAIM_DONE, conn).await?;
        Ok(claimed)
    }

    /// How long until the next callback is due.
    pub(crate) async fn next_callback(
        &self,
        conn: &mut PgConnection,
        known: &[&str],
    ) -> SqlResult<Option<Duration>> {
        let sql = self.sql().next_callback.clone();
        let us: Option<i64> = self.query_scalar(sql).bind(known).fetch_optional(conn).await?;
        Ok(us.map(|us| Duration::from_micros(us.max(0).unsigned_abs())))
    }

    /// Marks callbacks of one fence number done, in the transaction of their effects. How many
    /// were still ours.
    pub(crate) async fn finish_callbacks(
        &self,
        conn: &mut PgConnection,
        worker: Uuid,
        ids: &[Uuid],
        fence: i32,
    ) -> SqlResult<u64> {
        let sql = self.sql().finish_callbacks.clone();
        let done = self.query(sql).bind(ids).bind(worker).bind(fence).execute(conn).await?;
        Ok(done.rows_affected())
    }

    /// Puts a failed callback back, or parks it when there is no `delay`.
    pub(crate) async fn retry_callback(
        &self,
        conn: &mut PgConnection,
        worker: Uuid,
        callback: (Uuid, i32),
        delay: Option<Duration>,
        error: &str,
    ) -> SqlResult<()> {
        failpoint::reach(failpoint::CALLBACK_RETRY_SEND, &mut *conn).await?;
        self.query(self.sql().retry_callback.clone())
            .bind(callback.0)
            .bind(worker)
            .bind(callback.1)
            .bind(delay.map(micros))
            .bind(error)
            .execute(&mut *conn)
            .await?;
        failpoint::reach(failpoint::CALLBACK_RETRY_DONE, conn).await
    }

    /// Whether a callback is still ours; an error while some transaction has it locked.
    pub(crate) async fn held_callback(
        &self,
        conn: &mut PgConnection,
        worker: Uuid,
        id: Uuid,
        fence: i32,
    ) -> SqlResult<bool> {
        self.found(self.sql().held_callback.clone(), conn, id, worker, fence).await
    }

    /// Hands back the callbacks that are marked as ours and are not in `in_hand`.
    pub(crate) async fn release_callbacks(
        &self,
        conn: &mut PgConnection,
        worker: Uuid,
        in_hand: &[Uuid],
    ) -> SqlResult<u64> {
        let sql = self.sql().release_callbacks.clone();
        let done = self.query(sql).bind(worker).bind(in_hand).execute(conn).await?;
        Ok(done.rows_affected())
    }

    /// The callbacks that were given up, oldest first.
    pub(crate) async fn parked(
        &self,
        conn: &mut PgConnection,
        limit: i64,
    ) -> SqlResult<Vec<ParkedRow>> {
        self.query_as(self.sql().parked.clone()).bind(limit).fetch_all(conn).await
    }

    /// Makes parked callbacks due again, with fresh attempts.
    pub(crate) async fn replay(&self, conn: &mut PgConnection, ids: &[Uuid]) -> SqlResult<i64> {
        let sql = self.sql().replay.clone();
        self.query(sql).bind(ids).bind(self.channel()).fetch_one(conn).await?.try_get("replayed")
    }
}
