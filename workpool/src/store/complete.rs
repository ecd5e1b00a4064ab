//! Ending attempts. Every statement is conditional on the fence (id, worker, fence): ids that do
//! not come back are not ours any more.

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{FromRow, Row, SqlStr};
use uuid::Uuid;

use super::callbacks::RawCallback;
use super::enqueue::traces;
use super::{SqlResult, Store};
use crate::failpoint;
use crate::work::OutcomeKind;

/// Work that ends.
#[derive(Debug, Clone)]
pub(crate) struct Ended {
    pub(crate) id: Uuid,
    pub(crate) outcome: OutcomeKind,
    pub(crate) result: Option<String>,
    pub(crate) error: Option<String>,
    /// The span of the attempt.
    pub(crate) trace: Option<String>,
}

/// An attempt that failed and is followed by another.
#[derive(Debug, Clone)]
pub(crate) struct Retried {
    pub(crate) id: Uuid,
    pub(crate) delay_us: i64,
    pub(crate) error: String,
}

/// What became of a batch of ends.
#[derive(Debug, Default)]
pub(crate) struct Finished {
    /// The ids that ended; the others were superseded.
    pub(crate) ids: Vec<Uuid>,
    /// Callbacks that are claimed for this worker.
    pub(crate) callbacks: Vec<RawCallback>,
}

impl Finished {
    /// One row names what has ended, each other one is a callback.
    fn read(rows: &[PgRow]) -> SqlResult<Self> {
        let mut finished = Self::default();
        for row in rows {
            match row.try_get("ended")? {
                Some(ids) => finished.ids = ids,
                None => finished.callbacks.push(RawCallback::from_row(row)?),
            }
        }
        Ok(finished)
    }
}

impl Store {
    /// Ends work of one fence number: moves it to `finished` and records its callbacks, in one
    /// statement. `callbacks` names those that this worker runs at once.
    pub(crate) async fn finish(
        &self,
        conn: &mut PgConnection,
        worker: Uuid,
        fence: i32,
        ended: &[Ended],
        callbacks: &[&str],
    ) -> SqlResult<Finished> {
        let rows = self
            .query(self.sql().finish.clone())
            .bind(worker)
            .bind(fence)
            .bind(ended.iter().map(|e| e.id).collect::<Vec<_>>())
            .bind(ended.iter().map(|e| e.outcome.code()).collect::<Vec<_>>())
            .bind(ended.iter().map(|e| e.result.as_deref()).collect::<Vec<_>>())
            .bind(ended.iter().map(|e| e.error.as_deref()).collect::<Vec<_>>())
            .bind(callbacks)
            .bind(traces(ended.iter().map(|e| e.trace.as_deref())))
            .fetch_all(conn)
            .await?;
        Finished::read(&rows)
    }

    /// The same for work that succeeded and calls back. Refused as a whole when one of the ids is among
    /// the ended or the callbacks already: then `finish` does it.
    pub(crate) async fn succeed_and_call(
        &self,
        conn: &mut PgConnection,
        worker: Uuid,
        fence: i32,
        ended: &[Ended],
        callbacks: &[&str],
    ) -> SqlResult<Finished> {
        let rows = self
            .query(self.sql().succeed_and_call.clone())
            .bind(worker)
            .bind(fence)
            .bind(ended.iter().map(|e| e.id).collect::<Vec<_>>())
            .bind(ended.iter().map(|e| e.result.as_deref()).collect::<Vec<_>>())
            .bind(callbacks)
            .bind(traces(ended.iter().map(|e| e.trace.as_deref())))
            .fetch_all(conn)
            .await?;
        Finished::read(&rows)
    }

    /// Ends work of one fence number that succeeded and calls nobody back. Refused as a whole when
    /// one of the ids is among the ended already: then `finish` does it.
    pub(crate) async fn succeed(
        &self,
        conn: &mut PgConnection,
        worker: Uuid,
        fence: i32,
        ended: &[(Uuid, &str)],
    ) -> SqlResult<Vec<Uuid>> {
        let (ids, results): (Vec<_>, Vec<_>) = ended.iter().copied().unzip();
        self.query_scalar(self.sql().succeed.clone())
            .bind(worker)
            .bind(fence)
            .bind(ids)
            .bind(results)
            .fetch_one(conn)
            .await
    }

    /// Puts failed attempts back, due after their backoff. Leaves out what was superseded, and
    /// what somebody canceled: the caller ends that (and finds out which it was).
    pub(crate) async fn retry(
        &self,
        conn: &mut PgConnection,
        worker: Uuid,
        fence: i32,
        retried: &[Retried],
    ) -> SqlResult<Vec<Uuid>> {
        self.query_scalar(self.sql().retry.clone())
            .bind(worker)
            .bind(fence)
            .bind(retried.iter().map(|r| r.id).collect::<Vec<_>>())
            .bind(retried.iter().map(|r| r.delay_us).collect::<Vec<_>>())
            .bind(retried.iter().map(|r| r.error.as_str()).collect::<Vec<_>>())
            .fetch_all(conn)
            .await
    }

    /// Hands back attempts that were never entered, uncounted; what somebody canceled meanwhile
    /// ends. Or, `lost`, attempts that the database rolled back when their worker died; then what
    /// was canceled is left out.
    pub(crate) async fn release(
        &self,
        conn: &mut PgConnection,
        worker: Uuid,
        fence: i32,
        ids: &[Uuid],
        lost: bool,
    ) -> SqlResult<Vec<Uuid>> {
        let mut tx = self.begin(conn).await?;
        let released: Vec<(Uuid, bool)> = self
            .query_as(self.sql().release.clone())
            .bind(worker)
            .bind(fence)
            .bind(ids)
            .bind(lost)
            .fetch_all(&mut *tx)
            .await?;
        self.cancel_released(&mut tx, &released).await?;
        failpoint::reach(failpoint::RELEASE_WRITTEN, &mut *tx).await?;
        tx.commit().await?;
        Ok(released.into_iter().map(|row| row.0).collect())
    }

    /// Ends what was canceled while it was ours, now that it waits again.
    pub(super) async fn cancel_released(
        &self,
        conn: &mut PgConnection,
        released: &[(Uuid, bool)],
    ) -> SqlResult<()> {
        let canceled: Vec<_> = released.iter().filter(|row| row.1).map(|row| row.0).collect();
        if !canceled.is_empty() {
            self.cancel(conn, &canceled, true).await?;
        }
        Ok(())
    }

    /// Whether an attempt is still ours; an error while some transaction has it locked. So after a
    /// lost answer to COMMIT an answer is final: gone means committed or superseded.
    pub(crate) async fn held(
        &self,
        conn: &mut PgConnection,
        id: Uuid,
        worker: Uuid,
        fence: i32,
    ) -> SqlResult<bool> {
        self.found(self.sql().held.clone(), conn, id, worker, fence).await
    }

    /// Whether an attempt is ours as things stand.
    pub(crate) async fn current(
        &self,
        conn: &mut PgConnection,
        id: Uuid,
        worker: Uuid,
        fence: i32,
    ) -> SqlResult<bool> {
        self.found(self.sql().current.clone(), conn, id, worker, fence).await
    }

    /// Like `current`, and keeps it ours until the end of the transaction.
    pub(crate) async fn owned(
        &self,
        conn: &mut PgConnection,
        id: Uuid,
        worker: Uuid,
        fence: i32,
    ) -> SqlResult<bool> {
        self.found(self.sql().owned.clone(), conn, id, worker, fence).await
    }

    /// Whether a statement that looks for a fence finds its row.
    pub(super) async fn found(
        &self,
        sql: SqlStr,
        conn: &mut PgConnection,
        id: Uuid,
        worker: Uuid,
        fence: i32,
    ) -> SqlResult<bool> {
        let row = self.query(sql).bind(id).bind(worker).bind(fence).fetch_optional(conn);
        Ok(row.await?.is_some())
    }
}
