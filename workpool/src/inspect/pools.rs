//! Pools at a glance, and over time.

use std::collections::HashMap;
use std::time::Duration;

use super::{BOUNDS, Inspector};
use crate::error::Result;
use crate::store::{BucketRow, HolderRow, OverviewRow, PoolBucketRow};
use crate::view::{Bucket, Count, Ended, Health, Holder, PoolOverview, spoken};

/// How long work may be due before somebody is told that it waits for slots.
const WHILE: i64 = 10_000;
/// How many attempts of the last five minutes make a rate of failures worth telling.
const ENOUGH: i64 = 3;
/// How far back the counts go.
const KEPT: Duration = Duration::from_hours(2);

impl Inspector {
    /// All pools, by name: how much waits and runs, what ended lately, and what is wrong.
    pub async fn pools(&self) -> Result<Vec<PoolOverview>> {
        self.overview(None).await
    }

    /// One pool; none: it is not in the database.
    pub async fn pool(&self, name: &str) -> Result<Option<PoolOverview>> {
        Ok(self.overview(Some(name)).await?.pop())
    }

    async fn overview(&self, name: Option<&str>) -> Result<Vec<PoolOverview>> {
        let store = self.workpool.store();
        let (rows, holders) = self
            .read(async |conn| {
                let rows = store.overview(conn, name, BOUNDS).await?;
                Ok((rows, store.holders(conn, name).await?))
            })
            .await?;
        let mut by_pool: HashMap<String, Vec<Holder>> = HashMap::new();
        for row in holders {
            by_pool.entry(row.pool.clone()).or_default().push(row.into());
        }
        let overview = |row: OverviewRow| {
            let holders = by_pool.remove(&row.name).unwrap_or_default();
            overview(row, holders)
        };
        Ok(rows.into_iter().map(overview).collect())
    }

    /// What ended in the last `window`, at most two hours, in about so many equal parts of whole
    /// seconds, oldest first: of a pool, or of all together. The last part is not over yet.
    pub async fn history(
        &self,
        pool: Option<&str>,
        window: Duration,
        buckets: u32,
    ) -> Result<Vec<Bucket>> {
        let (seconds, buckets) = parts(window, buckets);
        let store = self.workpool.store();
        let rows =
            self.read(async |conn| Ok(store.history(conn, pool, seconds, buckets).await?)).await?;
        Ok(rows.into_iter().map(Bucket::from).collect())
    }

    /// The [`history`](Self::history) of each of these pools, by name, without the parts in which
    /// nothing ended, and without pools of which there is no such part.
    pub async fn histories(
        &self,
        pools: &[&str],
        window: Duration,
        buckets: u32,
    ) -> Result<HashMap<String, Vec<Bucket>>> {
        let (seconds, buckets) = parts(window, buckets);
        let store = self.workpool.store();
        let found = async |conn: &mut _| Ok(store.histories(conn, pools, seconds, buckets).await?);
        let mut all: HashMap<String, Vec<Bucket>> = HashMap::new();
        for PoolBucketRow { pool, bucket } in self.read(found).await? {
            all.entry(pool).or_default().push(bucket.into());
        }
        Ok(all)
    }
}

/// The seconds of a part, and how many there are.
fn parts(window: Duration, buckets: u32) -> (i64, i64) {
    let window = window.clamp(Duration::from_secs(1), KEPT).as_secs();
    let seconds = window.div_ceil(u64::from(buckets).clamp(1, window));
    (seconds.cast_signed(), window.div_ceil(seconds).cast_signed())
}

fn overview(row: OverviewRow, holders: Vec<Holder>) -> PoolOverview {
    let (health, reason) = health(&row, &holders);
    let count = |found| Count::bounded(found, row.bound);
    let ended = &row.ended;
    PoolOverview {
        max_parallelism: u32::try_from(row.max_parallelism).unwrap_or(u32::MAX),
        paused: row.paused,
        running: Count { items: row.running.unsigned_abs(), more: row.running_more },
        backlog: count(row.due),
        scheduled: count(row.scheduled),
        lag_ms: row.lag_ms.unwrap_or(0).max(0).unsigned_abs(),
        minute: Ended {
            succeeded: ended.minute_succeeded.unsigned_abs(),
            failed: ended.minute_failed.unsigned_abs(),
            retries: ended.minute_retries.unsigned_abs(),
            canceled: ended.minute_canceled.unsigned_abs(),
        },
        hour: Ended {
            succeeded: ended.hour_succeeded.unsigned_abs(),
            failed: ended.hour_failed.unsigned_abs(),
            retries: ended.hour_retries.unsigned_abs(),
            canceled: ended.hour_canceled.unsigned_abs(),
        },
        workers: row.workers.unsigned_abs(),
        holders,
        parked_callbacks: count(row.parked.unwrap_or(0)),
        health,
        reason,
        name: row.name,
    }
}

/// What is the matter, the most telling first.
fn health(row: &OverviewRow, holders: &[Holder]) -> (Health, String) {
    let waits = |what: &str| {
        if row.due == 0 { what.to_owned() } else { format!("{what}; {} wait", waiting(row)) }
    };
    let lag = row.lag_ms.unwrap_or(0);
    let (late, lag) = (lag >= WHILE, spoken(lag.max(0).unsigned_abs()));
    if row.paused {
        return (Health::Paused, waits("somebody paused it"));
    }
    if row.max_parallelism == 0 {
        return (Health::Paused, waits("its limit is 0"));
    }
    if row.due > 0 && row.workers == 0 {
        return (Health::NoWorker, waits("no live worker serves it"));
    }
    if row.unknown > 0 {
        let function = row.unknown_function.as_deref().unwrap_or_default();
        let what = format!("no live worker knows the function `{function}`");
        return (Health::UnknownFunction, waits(&what));
    }
    if row.late_ended >= ENOUGH && row.late_failed * 2 >= row.late_ended {
        let (failed, ended) = (row.late_failed, row.late_ended);
        let what = format!("{failed} of the {ended} attempts of the last five minutes failed");
        return (Health::Failing, what);
    }
    if !late {
        return (Health::Ok, String::new());
    }
    let held: u64 = holders.iter().map(|holder| holder.granted).sum();
    if held >= row.max_parallelism.unsigned_abs() {
        let what = format!("all {} slots are taken, the oldest item waits", row.max_parallelism);
        return (Health::Saturated, format!("{what} {lag}; {} wait", waiting(row)));
    }
    (Health::Behind, format!("slots are free, and the oldest item has been due for {lag}"))
}

fn waiting(row: &OverviewRow) -> Count {
    Count::bounded(row.due, row.bound)
}

impl From<HolderRow> for Holder {
    fn from(row: HolderRow) -> Self {
        let HolderRow { pool: _, worker, host, pid, granted } = row;
        Self { worker, host, pid, granted: granted.unsigned_abs() }
    }
}

impl From<BucketRow> for Bucket {
    fn from(row: BucketRow) -> Self {
        Self {
            at: row.at.into(),
            ended: Ended {
                succeeded: row.succeeded.unsigned_abs(),
                failed: row.failed.unsigned_abs(),
                retries: row.retries.unsigned_abs(),
                canceled: row.canceled.unsigned_abs(),
            },
            lag_avg_ms: average(row.lag_us, row.attempts),
            lag_max_ms: average(row.lag_max_us, row.attempts.min(1)),
            duration_avg_ms: average(row.duration_us, row.attempts),
            duration_max_ms: average(row.duration_max_us, row.attempts.min(1)),
        }
    }
}

/// Microseconds over attempts, in milliseconds.
#[expect(clippy::cast_precision_loss, reason = "an average")]
fn average(us: i64, attempts: i64) -> Option<f64> {
    (attempts > 0).then(|| us as f64 / attempts as f64 / 1000.0)
}
