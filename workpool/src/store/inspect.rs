//! Reading: status, results, what waits.

use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};
use uuid::Uuid;

use super::{SqlResult, Store, Timestamp, row};
use crate::failure::Failure;
use crate::work::{Finished, OutcomeKind, Status};

row! {
    /// What is known of the end of a work item.
    #[derive(Debug)]
    pub(crate) struct ResultRow {
        pub(crate) outcome: Option<i16>,
        pub(crate) result: Option<String>,
        pub(crate) errors: Option<Vec<String>>,
        pub(crate) waiting: bool,
    }
}

#[cfg(feature = "testing")]
row! {
    /// A work item that has not ended, for people.
    #[derive(Debug)]
    pub(crate) struct WaitingRow {
        pub(crate) id: Uuid,
        pub(crate) pool: String,
        pub(crate) function: String,
        pub(crate) name: Option<String>,
        pub(crate) attempt: i32,
        pub(crate) running: bool,
        pub(crate) run_at: Timestamp,
        pub(crate) due: bool,
        pub(crate) args: String,
        pub(crate) errors: Option<Vec<String>>,
        pub(crate) no_pool: bool,
        pub(crate) paused: bool,
        pub(crate) max_parallelism: i64,
    }
}

impl Store {
    /// The status of those of these ids that are known.
    pub(crate) async fn status(
        &self,
        conn: &mut PgConnection,
        ids: &[Uuid],
    ) -> SqlResult<Vec<(Uuid, Status)>> {
        let rows = self.query(self.sql().status.clone()).bind(ids).fetch_all(conn).await?;
        rows.iter().map(status).collect()
    }

    /// The end of a work item; none when it is not known.
    pub(crate) async fn result(
        &self,
        conn: &mut PgConnection,
        id: Uuid,
    ) -> SqlResult<Option<ResultRow>> {
        self.query_as(self.sql().result.clone()).bind(id).fetch_optional(conn).await
    }

    /// The pool of an item that has not ended.
    pub(crate) async fn pool_of(
        &self,
        conn: &mut PgConnection,
        id: Uuid,
    ) -> SqlResult<Option<String>> {
        self.query_scalar(self.sql().pool_of.clone()).bind(id).fetch_optional(conn).await
    }

    /// What keeps a drain from being over: running, due, callbacks.
    #[cfg(feature = "testing")]
    pub(crate) async fn unsettled(&self, conn: &mut PgConnection) -> SqlResult<(i64, i64, i64)> {
        self.query_as(self.sql().unsettled.clone()).fetch_one(conn).await
    }

    /// As if so many milliseconds had passed for everything that waits.
    #[cfg(feature = "testing")]
    pub(crate) async fn advance(&self, conn: &mut PgConnection, ms: i64) -> SqlResult<()> {
        self.query(self.sql().advance.clone()).bind(ms).execute(conn).await.map(drop)
    }

    /// What has not ended, by due time.
    #[cfg(feature = "testing")]
    pub(crate) async fn waiting(
        &self,
        conn: &mut PgConnection,
        limit: i64,
    ) -> SqlResult<Vec<WaitingRow>> {
        self.query_as(self.sql().waiting.clone()).bind(limit).fetch_all(conn).await
    }

    /// Due work and callbacks whose function no live worker knows: function, pool, items.
    pub(crate) async fn unknown_functions(
        &self,
        conn: &mut PgConnection,
    ) -> SqlResult<Vec<(String, String, i64)>> {
        self.query_as(self.sql().unknown_functions.clone()).fetch_all(conn).await
    }

    /// Announces for `seconds` that somebody watches a pool.
    pub(crate) async fn watch(
        &self,
        conn: &mut PgConnection,
        pool: &str,
        seconds: i64,
    ) -> SqlResult<()> {
        let sql = self.sql().watch.clone();
        self.query(sql).bind(pool).bind(seconds).execute(conn).await.map(drop)
    }
}

fn status(row: &PgRow) -> SqlResult<(Uuid, Status)> {
    let attempts = row.try_get::<i32, _>("attempt")?.unsigned_abs();
    let errors: Option<Vec<String>> = row.try_get("errors")?;
    let failures: Vec<_> = errors.iter().flatten().map(|json| Failure::from_json(json)).collect();
    let time = |column| -> SqlResult<Option<_>> {
        Ok(row.try_get::<Option<Timestamp>, _>(column)?.map(Timestamp::to_system))
    };
    let started_at = time("started_at")?;
    let enqueued_at = row.try_get::<Timestamp, _>("enqueued_at")?.to_system();
    let status = if let Some(outcome) = row.try_get::<Option<i16>, _>("outcome")? {
        Status::Finished(Finished {
            outcome: OutcomeKind::from_code(outcome),
            attempts,
            enqueued_at,
            started_at,
            finished_at: time("finished_at")?.unwrap_or(enqueued_at),
            failures,
        })
    } else if row.try_get("running")? {
        Status::Running {
            previous_attempts: attempts.saturating_sub(1),
            started_at,
            cancel_requested: row.try_get("cancel_requested")?,
        }
    } else {
        Status::Pending {
            previous_attempts: attempts,
            run_at: time("run_at")?.unwrap_or(enqueued_at),
            last_failure: failures.into_iter().next_back(),
        }
    };
    Ok((row.try_get("id")?, status))
}
