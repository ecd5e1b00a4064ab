//! Counting what ended: appended every few seconds, summed when somebody asks.

use std::collections::HashMap;
use std::sync::Arc;
#[cfg(feature = "metrics")]
use std::time::Duration;

use sqlx::postgres::PgConnection;

use super::{SqlResult, Store, Timestamp, row};
use crate::failpoint;

/// What ended in a pool since the last flush.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Counters {
    pub(crate) succeeded: i64,
    pub(crate) failed: i64,
    pub(crate) retries: i64,
    /// Canceled after an attempt that failed.
    pub(crate) stopped: i64,
    /// Of all these attempts, from due to claimed, in microseconds.
    pub(crate) lag: Spent,
    /// How long they took.
    pub(crate) duration: Spent,
}

/// Microseconds: added up, and the most.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Spent {
    sum: i64,
    max: i64,
}

impl Spent {
    pub(crate) fn count(&mut self, us: i64) {
        self.add(Self { sum: us, max: us });
    }

    fn add(&mut self, more: Self) {
        self.sum = self.sum.saturating_add(more.sum);
        self.max = self.max.max(more.max);
    }
}

impl Counters {
    pub(crate) fn add(&mut self, more: Self) {
        self.succeeded += more.succeeded;
        self.failed += more.failed;
        self.retries += more.retries;
        self.stopped += more.stopped;
        self.lag.add(more.lag);
        self.duration.add(more.duration);
    }
}

row! {
    /// The numbers of a pool over a window, and its present state.
    #[derive(Debug, Clone, PartialEq)]
    pub(crate) struct PoolCounts {
        pub(crate) pool: String,
        pub(crate) max_parallelism: i64,
        pub(crate) paused: bool,
        pub(crate) succeeded: i64,
        pub(crate) failed: i64,
        pub(crate) retries: i64,
        pub(crate) canceled: i64,
        pub(crate) stopped: i64,
        pub(crate) running: i64,
        pub(crate) backlog: i64,
        pub(crate) scheduled: i64,
    }
}

impl PoolCounts {
    /// Attempts that finished, however they did.
    pub(crate) const fn completed(&self) -> i64 {
        self.succeeded + self.failed + self.retries + self.stopped
    }

    /// The part of finished attempts that failed.
    pub(crate) fn failure_rate(&self) -> f64 {
        rate(self.failed + self.retries, self.completed())
    }

    /// The part of ended work, canceled work aside, that failed.
    pub(crate) fn permanent_failure_rate(&self) -> f64 {
        rate(self.failed, self.succeeded + self.failed)
    }
}

/// What waits in a pool, beyond its number.
#[cfg(feature = "metrics")]
#[derive(Debug)]
pub(crate) struct Look {
    /// For how long the first item in line has been due.
    pub(crate) overdue: Duration,
    /// Callbacks that were given up.
    pub(crate) parked: i64,
}

#[expect(clippy::cast_precision_loss, reason = "a rate of counts")]
fn rate(part: i64, whole: i64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

impl Store {
    /// Appends counters.
    pub(crate) async fn add_stats(
        &self,
        conn: &mut PgConnection,
        counters: &HashMap<Arc<str>, Counters>,
    ) -> SqlResult<()> {
        fn each<T>(all: &HashMap<Arc<str>, Counters>, field: impl Fn(&Counters) -> T) -> Vec<T> {
            all.values().map(field).collect()
        }
        self.query(self.sql().add_stats.clone())
            .bind(counters.keys().map(|pool| &**pool).collect::<Vec<_>>())
            .bind(each(counters, |c| c.succeeded))
            .bind(each(counters, |c| c.failed))
            .bind(each(counters, |c| c.retries))
            .bind(each(counters, |c| c.stopped))
            .bind(each(counters, |c| c.lag.sum))
            .bind(each(counters, |c| c.lag.max))
            .bind(each(counters, |c| c.duration.sum))
            .bind(each(counters, |c| c.duration.max))
            .execute(conn)
            .await
            .map(drop)
    }

    /// The numbers of pools, each over its window; none: over the last minute.
    pub(crate) async fn stats(
        &self,
        conn: &mut PgConnection,
        pools: &[(&str, Option<(Timestamp, Timestamp)>)],
    ) -> SqlResult<Vec<PoolCounts>> {
        let (pools, windows): (Vec<_>, Vec<_>) = pools.iter().copied().unzip();
        let (since, until): (Vec<_>, Vec<_>) = windows.into_iter().map(Option::unzip).unzip();
        self.query_as(self.sql().stats.clone())
            .bind(pools)
            .bind(since)
            .bind(until)
            .fetch_all(conn)
            .await
    }

    /// What a report measures beyond that.
    #[cfg(feature = "metrics")]
    pub(crate) async fn look(&self, conn: &mut PgConnection, pool: &str) -> SqlResult<Look> {
        let look = self.query_as(self.sql().look.clone()).bind(pool);
        let (overdue, parked): (Option<i64>, i64) = look.fetch_one(conn).await?;
        let overdue = Duration::from_micros(overdue.unwrap_or(0).max(0).unsigned_abs());
        Ok(Look { overdue, parked })
    }

    /// Of these pools, those whose window is over and that nobody else reports: with its begin and end.
    pub(crate) async fn elect_report(
        &self,
        conn: &mut PgConnection,
        pools: &[&str],
        window_s: f64,
    ) -> SqlResult<Vec<(String, Timestamp, Timestamp)>> {
        let sql = self.sql().elect_report.clone();
        failpoint::reach(failpoint::REPORT_SEND, &mut *conn).await?;
        let elected = self.query_as(sql).bind(pools).bind(window_s).fetch_all(&mut *conn).await?;
        failpoint::reach(failpoint::REPORT_DONE, conn).await?;
        Ok(elected)
    }
}
