//! Steering by hand: doing ended work again, not waiting any longer, forgetting; and the record of
//! who did what.

use std::time::Duration;

use sqlx::Row;
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::list::time;
use super::time::ago;
use super::{SqlResult, Store, Timestamp};
use crate::view::{AuditRow, Retried, RunNow};
use crate::work::OutcomeKind;

/// Something that somebody did.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Act<'a> {
    pub(crate) who: Option<&'a str>,
    pub(crate) action: &'a str,
    pub(crate) target: &'a str,
    pub(crate) outcome: &'a str,
}

impl Store {
    /// Enqueues work once more that ended in no success, each under the new id beside its own.
    /// Those that are not known are absent from the answer.
    pub(crate) async fn retry_ended(
        &self,
        conn: &mut PgConnection,
        ids: &[Uuid],
        new: &[Uuid],
    ) -> SqlResult<Vec<Retried>> {
        let sql = self.sql().retry_ended.clone();
        let rows = self.query(sql).bind(ids).bind(new).bind(self.channel()).fetch_all(conn).await?;
        let read = rows.iter().map(|row| {
            let succeeded = row.try_get::<i16, _>("outcome")? == OutcomeKind::Success.code();
            Ok(match (row.try_get("again")?, row.try_get("retried_as")?) {
                (Some(id), _) => Retried::As(id),
                (None, Some(id)) => Retried::Already(id),
                (None, None) if succeeded => Retried::Succeeded,
                (None, None) if row.try_get("emptied")? => Retried::NotKept,
                (None, None) => Retried::NoPool,
            })
        });
        read.collect()
    }

    /// Makes an item due that waits for its time. None: it has ended, or was never.
    pub(crate) async fn run_now(
        &self,
        conn: &mut PgConnection,
        id: Uuid,
    ) -> SqlResult<Option<RunNow>> {
        let sql = self.sql().run_now.clone();
        let row = self.query(sql).bind(id).bind(self.channel()).fetch_optional(conn).await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(if row.try_get("moved")? {
            RunNow::Due
        } else if row.try_get("running")? {
            RunNow::Running
        } else {
            RunNow::AlreadyDue
        }))
    }

    /// One step of forgetting ended work of a pool: how many went, and how far it has looked; none:
    /// to the end.
    pub(crate) async fn prune_pool(
        &self,
        conn: &mut PgConnection,
        pool: &str,
        older_than: Duration,
        after: Uuid,
        (look, limit): (i64, i64),
    ) -> SqlResult<(i64, Option<Uuid>)> {
        self.query_as(self.sql().prune_pool.clone())
            .bind(pool)
            .bind(ago(older_than))
            .bind(after)
            .bind(look)
            .bind(limit)
            .fetch_one(conn)
            .await
    }

    /// Writes down what somebody did, in the transaction of the effects.
    pub(crate) async fn add_audit(&self, conn: &mut PgConnection, act: Act<'_>) -> SqlResult<()> {
        let add = self.query(self.sql().add_audit.clone()).bind(act.who).bind(act.action);
        add.bind(act.target).bind(act.outcome).execute(conn).await.map(drop)
    }

    /// What was done, latest first.
    pub(crate) async fn list_audit(
        &self,
        conn: &mut PgConnection,
        limit: i64,
    ) -> SqlResult<Vec<AuditRow>> {
        let sql = self.sql().list_audit.clone();
        let rows = self.query(sql).bind(limit).fetch_all(conn).await?;
        let read = rows.iter().map(|row| {
            Ok(AuditRow {
                at: time(row, "at")?.unwrap_or_else(|| Timestamp::EPOCH.into()),
                who: row.try_get("who")?,
                action: row.try_get("action")?,
                target: row.try_get("target")?,
                outcome: row.try_get("outcome")?,
            })
        });
        read.collect()
    }
}
