//! One work item in full, what can keep it from running, and failures that look alike.

use std::time::Duration;

use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};
use uuid::Uuid;

use super::list::{failure, time, work_row};
use super::time::ago;
use super::{SqlResult, Store, Timestamp, row};
use crate::failure::Failure;
use crate::view::{CallbackState, Time, WorkCallback, WorkDetail};

row! {
    /// What can keep an item from running.
    #[derive(Debug)]
    pub(crate) struct WhyRow {
        pub(crate) now: Timestamp,
        pub(crate) pool: String,
        pub(crate) function: String,
        pub(crate) attempt: i32,
        pub(crate) run_at: Timestamp,
        pub(crate) in_ms: i64,
        pub(crate) worker: Option<Uuid>,
        pub(crate) started_at: Option<Timestamp>,
        pub(crate) cancel_requested: bool,
        pub(crate) error: Option<String>,
        pub(crate) host: Option<String>,
        pub(crate) pid: Option<i64>,
        /// Its worker is dead or not known.
        pub(crate) abandoned: bool,
        /// Of its pool; none: there is no row.
        pub(crate) max_parallelism: Option<i64>,
        pub(crate) paused: Option<bool>,
        /// Live workers, those that know the function, and those of them that serve the pool.
        pub(crate) workers: i64,
        pub(crate) knowing: i64,
        pub(crate) serving: i64,
        /// Slots that are held, and items that run.
        pub(crate) granted: i64,
        pub(crate) running: i64,
        /// Due items before it.
        pub(crate) before: i64,
    }
}

row! {
    /// How an item ended.
    #[derive(Debug)]
    pub(crate) struct EndRow {
        pub(crate) outcome: i16,
        pub(crate) finished_at: Timestamp,
        pub(crate) retried_as: Option<Uuid>,
    }
}

row! {
    /// Failures of one function with the same first line.
    #[derive(Debug)]
    pub(crate) struct FailureRow {
        pub(crate) pool: String,
        pub(crate) function: String,
        pub(crate) line: String,
        pub(crate) items: i64,
        pub(crate) retried: i64,
        pub(crate) latest: Uuid,
        pub(crate) latest_at: Timestamp,
    }
}

impl Store {
    /// Everything that is known of an item.
    pub(crate) async fn show(
        &self,
        conn: &mut PgConnection,
        id: Uuid,
    ) -> SqlResult<Option<WorkDetail>> {
        let row = self.query(self.sql().show.clone()).bind(id).fetch_optional(&mut *conn).await?;
        let Some(row) = row else { return Ok(None) };
        let mut detail = detail(&row)?;
        if detail.hidden {
            return Ok(Some(detail));
        }
        let contents = self.query(self.sql().contents.clone()).bind(id);
        if let Some(row) = contents.fetch_optional(conn).await? {
            detail.args = row.try_get("args")?;
            detail.result = row.try_get("result")?;
            if let Some(callback) = &mut detail.callback {
                callback.context = row.try_get("context")?;
            }
        }
        Ok(Some(detail))
    }

    /// What can keep an item from running that has not ended.
    pub(crate) async fn why(
        &self,
        conn: &mut PgConnection,
        id: Uuid,
        bound: i64,
    ) -> SqlResult<Option<WhyRow>> {
        self.query_as(self.sql().why.clone()).bind(id).bind(bound).fetch_optional(conn).await
    }

    /// How an item ended.
    pub(crate) async fn ended(
        &self,
        conn: &mut PgConnection,
        id: Uuid,
    ) -> SqlResult<Option<EndRow>> {
        self.query_as(self.sql().ended.clone()).bind(id).fetch_optional(conn).await
    }

    /// The latest failures, by function and the first line of the error.
    pub(crate) async fn failures(
        &self,
        conn: &mut PgConnection,
        pool: Option<&str>,
        window: Duration,
        budget: i64,
    ) -> SqlResult<Vec<FailureRow>> {
        self.query_as(self.sql().failures.clone())
            .bind(pool)
            .bind(ago(window))
            .bind(budget)
            .fetch_all(conn)
            .await
    }
}

fn detail(row: &PgRow) -> SqlResult<WorkDetail> {
    let now = time(row, "now")?.unwrap_or_else(|| Timestamp::EPOCH.into());
    let errors: Option<Vec<String>> = row.try_get("errors")?;
    let failures: Vec<_> = errors.iter().flatten().map(|json| Failure::from_json(json)).collect();
    let mut work = work_row(row, now)?;
    work.failure = failures.last().cloned();
    let millis = |column| -> SqlResult<Option<u64>> {
        Ok(row.try_get::<Option<i64>, _>(column)?.map(|ms| ms.max(0).unsigned_abs()))
    };
    Ok(WorkDetail {
        row: work,
        args: None,
        result: None,
        hidden: !row.try_get::<bool, _>("open")?,
        failures,
        max_attempts: row.try_get::<Option<i32>, _>("max_attempts")?.map(i32::unsigned_abs),
        initial_backoff_ms: millis("initial_backoff_ms")?,
        backoff_base: row.try_get("backoff_base")?,
        max_backoff_ms: millis("max_backoff_ms")?,
        status_ttl_ms: millis("status_ttl_ms")?,
        expires_at: time(row, "expires_at")?,
        host: row.try_get("host")?,
        pid: row.try_get("pid")?,
        callback: callback(row)?,
        retry_of: row.try_get("retry_of")?,
        now,
    })
}

fn callback(row: &PgRow) -> SqlResult<Option<WorkCallback>> {
    let Some(name) = row.try_get::<Option<String>, _>("callback_name")? else { return Ok(None) };
    let state = row.try_get::<Option<i16>, _>("callback_state")?.map(|state| match state {
        0 => CallbackState::Due,
        1 => CallbackState::Running,
        _ => CallbackState::Parked,
    });
    let attempts = row.try_get::<Option<i32>, _>("callback_attempts")?;
    Ok(Some(WorkCallback {
        name,
        state,
        context: None,
        attempts: attempts.unwrap_or(0).unsigned_abs(),
        failure: failure(row, "callback_error")?,
    }))
}

impl WhyRow {
    /// When it was read.
    pub(crate) fn now(&self) -> Time {
        self.now.into()
    }
}
