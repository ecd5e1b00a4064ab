//! Pools at a glance, who holds their slots, and what ended over time.

use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::{SqlResult, Store, Timestamp, row};

row! {
    /// A pool as it stands.
    #[derive(Debug)]
    pub(crate) struct OverviewRow {
        pub(crate) name: String,
        pub(crate) max_parallelism: i64,
        pub(crate) paused: bool,
        /// How far the counts go.
        pub(crate) bound: i64,
        pub(crate) running: i64,
        /// There may be more that run.
        pub(crate) running_more: bool,
        pub(crate) due: i64,
        pub(crate) scheduled: i64,
        pub(crate) lag_ms: Option<i64>,
        /// Due items whose function no live worker knows, and one of these functions.
        pub(crate) unknown: i64,
        pub(crate) unknown_function: Option<String>,
        pub(crate) workers: i64,
        pub(crate) parked: Option<i64>,
        pub(crate) ended: EndedRow = flatten,
        /// Of the last five minutes: attempts that ended, and those of them that failed.
        pub(crate) late_ended: i64,
        pub(crate) late_failed: i64,
    }
}

row! {
    /// What ended in the last minute and hour.
    #[derive(Debug)]
    pub(crate) struct EndedRow {
        pub(crate) minute_succeeded: i64,
        pub(crate) minute_failed: i64,
        pub(crate) minute_retries: i64,
        pub(crate) minute_canceled: i64,
        pub(crate) hour_succeeded: i64,
        pub(crate) hour_failed: i64,
        pub(crate) hour_retries: i64,
        pub(crate) hour_canceled: i64,
    }
}

row! {
    /// Slots that a worker holds.
    #[derive(Debug)]
    pub(crate) struct HolderRow {
        pub(crate) pool: String,
        pub(crate) worker: Uuid,
        pub(crate) host: Option<String>,
        pub(crate) pid: Option<i64>,
        pub(crate) granted: i64,
    }
}

row! {
    /// What ended in a stretch of time.
    #[derive(Debug)]
    pub(crate) struct BucketRow {
        pub(crate) at: Timestamp,
        pub(crate) succeeded: i64,
        pub(crate) failed: i64,
        pub(crate) retries: i64,
        pub(crate) canceled: i64,
        pub(crate) attempts: i64,
        pub(crate) lag_us: i64,
        pub(crate) lag_max_us: i64,
        pub(crate) duration_us: i64,
        pub(crate) duration_max_us: i64,
    }
}

row! {
    /// The same of one pool among others.
    #[derive(Debug)]
    pub(crate) struct PoolBucketRow {
        pub(crate) pool: String,
        pub(crate) bucket: BucketRow = flatten,
    }
}

impl Store {
    /// All pools, or one, each count stopping after `bound` and one, and earlier when there are many.
    pub(crate) async fn overview(
        &self,
        conn: &mut PgConnection,
        pool: Option<&str>,
        (bound, total): (i64, i64),
    ) -> SqlResult<Vec<OverviewRow>> {
        self.query_as(self.sql().overview.clone())
            .bind(pool)
            .bind(bound)
            .bind(total)
            .fetch_all(conn)
            .await
    }

    /// Who holds slots, of all pools or one.
    pub(crate) async fn holders(
        &self,
        conn: &mut PgConnection,
        pool: Option<&str>,
    ) -> SqlResult<Vec<HolderRow>> {
        self.query_as(self.sql().holders.clone()).bind(pool).fetch_all(conn).await
    }

    /// What ended in each of so many stretches of time, the present one last.
    pub(crate) async fn history(
        &self,
        conn: &mut PgConnection,
        pool: Option<&str>,
        seconds: i64,
        buckets: i64,
    ) -> SqlResult<Vec<BucketRow>> {
        let sql = self.sql().history.clone();
        self.query_as(sql).bind(pool).bind(seconds).bind(buckets).fetch_all(conn).await
    }

    /// The same of several pools, without the stretches in which nothing ended.
    pub(crate) async fn histories(
        &self,
        conn: &mut PgConnection,
        pools: &[&str],
        seconds: i64,
        buckets: i64,
    ) -> SqlResult<Vec<PoolBucketRow>> {
        let sql = self.sql().histories.clone();
        self.query_as(sql).bind(pools).bind(seconds).bind(buckets).fetch_all(conn).await
    }
}
