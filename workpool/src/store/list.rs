//! Lists of work and of callbacks, a page at a time: each looks at a bounded number of rows.

use std::time::Duration;

use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};
use uuid::Uuid;

use super::time::{ago, micros};
use super::{SqlResult, Store, Timestamp};
use crate::failure::Failure;
use crate::function::FunctionKind;
use crate::view::{CallbackRow, CallbackState, Time, WorkFilter, WorkRow, WorkState};
use crate::work::OutcomeKind;

/// A place in a list: the time by which it is ordered, and an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Of lists that consist of parts: which.
    pub(crate) section: i32,
    pub(crate) at: Timestamp,
    pub(crate) id: Uuid,
}

/// One page.
#[derive(Debug)]
pub(crate) struct Listed<T> {
    pub(crate) now: Time,
    /// Each with its place; one more than asked for when there are more.
    pub(crate) rows: Vec<(Place, T)>,
    /// As far as was looked, when the look ended because of its bound.
    pub(crate) horizon: Option<Place>,
}

/// How much of a list is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    pub(crate) after: Option<Place>,
    pub(crate) rows: i64,
    /// Rows to look at.
    pub(crate) budget: i64,
}

impl Place {
    /// Before everything in ascending lists.
    pub(crate) const FIRST: Self = Self { section: 0, at: Timestamp(i64::MIN), id: Uuid::nil() };
    /// Before everything in descending ones.
    pub(crate) const LATEST: Self = Self { section: 0, at: Timestamp(i64::MAX), id: Uuid::max() };
}

impl Store {
    /// A page of work.
    pub(crate) async fn list_work(
        &self,
        conn: &mut PgConnection,
        filter: &WorkFilter,
        part: Part,
    ) -> SqlResult<Listed<WorkRow>> {
        let (sql, state, first): (_, Option<i16>, _) = match filter.state {
            None => (&self.sql().list_unended, None, Place::FIRST),
            Some(WorkState::Due) => (&self.sql().list_unended, Some(0), Place::FIRST),
            Some(WorkState::Scheduled) => (&self.sql().list_unended, Some(1), Place::FIRST),
            Some(WorkState::Retrying) => (&self.sql().list_unended, Some(2), Place::FIRST),
            Some(WorkState::Running) => (&self.sql().list_unended, Some(3), Place::FIRST),
            Some(WorkState::Succeeded) => (&self.sql().list_succeeded, Some(0), Place::LATEST),
            Some(WorkState::Failed) => (&self.sql().list_unsuccessful, Some(1), Place::LATEST),
            Some(WorkState::Canceled) => (&self.sql().list_unsuccessful, Some(2), Place::LATEST),
        };
        let after = part.after.unwrap_or(first);
        let rows = self
            .query(sql.clone())
            .bind(filter.pool.as_deref())
            .bind(state)
            .bind(after.at)
            .bind(after.id)
            .bind(part.rows)
            .bind(part.budget)
            .bind(filter.function.as_deref())
            .bind(filter.older_than.map(ago))
            .bind(filter.name.as_deref())
            .bind(filter.error.as_deref())
            .fetch_all(conn)
            .await?;
        listed(&rows, |row, now| {
            let work = work_row(row, now)?;
            let at = work.run_at.or(work.finished_at).unwrap_or(work.enqueued_at);
            Ok((Place { section: 0, at: at.into(), id: work.id }, work))
        })
    }

    /// A page of callbacks.
    pub(crate) async fn list_callbacks(
        &self,
        conn: &mut PgConnection,
        state: Option<CallbackState>,
        part: Part,
    ) -> SqlResult<Listed<CallbackRow>> {
        let state: Option<i16> = state.map(|state| match state {
            CallbackState::Due => 0,
            CallbackState::Running => 1,
            CallbackState::Parked => 2,
        });
        let after = part.after.unwrap_or(Place::FIRST);
        let rows = self
            .query(self.sql().list_callbacks.clone())
            .bind(state)
            .bind(after.section)
            .bind(after.at)
            .bind(after.id)
            .bind(part.rows)
            .bind(part.budget)
            .fetch_all(conn)
            .await?;
        let mut page = listed(&rows, |row, _| {
            let callback = callback_row(row)?;
            let at = callback.parked_at.unwrap_or(callback.run_at).into();
            let section = row.try_get("section")?;
            Ok((Place { section, at, id: callback.work_id }, callback))
        })?;
        // Only the part by due time is walked with a bound.
        if let Some(horizon) = &mut page.horizon {
            horizon.section = 1;
        }
        Ok(page)
    }
}

/// Reads a page: one row at least, which says how far was looked, and has nothing else in it if
/// nothing was found.
fn listed<T>(
    rows: &[PgRow],
    read: impl Fn(&PgRow, Time) -> SqlResult<(Place, T)>,
) -> SqlResult<Listed<T>> {
    let first = rows.first().ok_or(sqlx::Error::RowNotFound)?;
    let now = time(first, "now")?.unwrap_or_else(|| Timestamp::EPOCH.into());
    let horizon = match first.try_get::<Option<Uuid>, _>("horizon_id")? {
        Some(id) => Some(Place { section: 0, at: first.try_get("horizon_at")?, id }),
        None => None,
    };
    let mut found = Vec::new();
    for row in rows {
        if row.try_get::<Option<Uuid>, _>("id")?.is_some() {
            found.push(read(row, now)?);
        }
    }
    Ok(Listed { now, rows: found, horizon })
}

/// A time of a row.
pub(super) fn time(row: &PgRow, column: &str) -> SqlResult<Option<Time>> {
    Ok(row.try_get::<Option<Timestamp>, _>(column)?.map(Time::from))
}

/// A stored failure.
pub(super) fn failure(row: &PgRow, column: &str) -> SqlResult<Option<Failure>> {
    Ok(row.try_get::<Option<&str>, _>(column)?.map(Failure::from_json))
}

/// What lists show of a work item.
pub(super) fn work_row(row: &PgRow, now: Time) -> SqlResult<WorkRow> {
    let attempts = row.try_get::<i32, _>("attempts")?.unsigned_abs();
    let (run_at, worker) = (time(row, "run_at")?, row.try_get::<Option<Uuid>, _>("worker")?);
    let state = match row.try_get::<Option<i16>, _>("outcome")?.map(OutcomeKind::from_code) {
        Some(OutcomeKind::Success) => WorkState::Succeeded,
        Some(OutcomeKind::Failed) => WorkState::Failed,
        Some(OutcomeKind::Canceled) => WorkState::Canceled,
        None if worker.is_some() => WorkState::Running,
        None if run_at.is_none_or(|at| at <= now) => WorkState::Due,
        None if attempts > 0 => WorkState::Retrying,
        None => WorkState::Scheduled,
    };
    Ok(WorkRow {
        id: row.try_get("id")?,
        pool: row.try_get("pool")?,
        function: row.try_get("function")?,
        kind: FunctionKind::from_code(row.try_get("kind")?),
        name: row.try_get("name")?,
        state,
        attempts,
        enqueued_at: time(row, "enqueued_at")?.unwrap_or(now),
        run_at,
        started_at: time(row, "started_at")?,
        finished_at: time(row, "finished_at")?,
        worker,
        cancel_requested: row.try_get("cancel_requested")?,
        failure: failure(row, "error")?,
        retried_as: row.try_get("retried_as")?,
    })
}

fn callback_row(row: &PgRow) -> SqlResult<CallbackRow> {
    let (parked_at, worker) = (time(row, "parked_at")?, row.try_get::<Option<Uuid>, _>("worker")?);
    let state = match (parked_at, worker) {
        (Some(_), _) => CallbackState::Parked,
        (None, Some(_)) => CallbackState::Running,
        (None, None) => CallbackState::Due,
    };
    Ok(CallbackRow {
        work_id: row.try_get("id")?,
        pool: row.try_get("pool")?,
        function: row.try_get("work_function")?,
        callback: row.try_get("callback")?,
        outcome: OutcomeKind::from_code(row.try_get("outcome")?),
        state,
        attempts: row.try_get::<i32, _>("attempt")?.unsigned_abs(),
        run_at: time(row, "run_at")?.unwrap_or_else(|| Timestamp::EPOCH.into()),
        parked_at,
        worker,
        failure: failure(row, "error")?,
    })
}

impl From<Timestamp> for Time {
    fn from(at: Timestamp) -> Self {
        Self::new(at.to_system())
    }
}

impl From<Time> for Timestamp {
    fn from(at: Time) -> Self {
        let since = at.system().duration_since(std::time::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Self(Self::EPOCH.0.saturating_add(micros(since)))
    }
}
