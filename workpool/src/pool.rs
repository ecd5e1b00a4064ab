//! Steering pools: pausing, resizing, creating, removing, counting.

use futures_core::Stream;
use sqlx::postgres::PgConnection;

use crate::BoxFuture;
use crate::error::{Error, Result};
use crate::function::{Pool, check_pool_name};
use crate::handle::Workpool;
use crate::hub::Hint;
use crate::monitor::Changes;
use crate::store::PoolCounts;
use crate::telemetry::LogLevel;

/// A pool in the database. Made by [`Workpool::pool`], which does not look whether it exists.
#[derive(Debug, Clone)]
pub struct PoolHandle {
    pub(crate) workpool: Workpool,
    pub(crate) name: String,
}

/// The numbers of a pool, as in the `report` event.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct PoolStats {
    /// Its limit.
    pub max_parallelism: u32,
    /// Whether it is paused.
    pub paused: bool,
    /// Items that run now.
    pub running: u64,
    /// Items that are due and wait, counted up to 100,000.
    pub backlog: u64,
    /// Items that wait for their time, or for the end of a backoff, counted up to 100,000.
    pub scheduled: u64,
    /// Attempts that finished in the last minute.
    pub completed: u64,
    /// Work that ended in success in the last minute.
    pub succeeded: u64,
    /// Work that ended failed in the last minute.
    pub failed: u64,
    /// Attempts that failed in the last minute and are followed by another.
    pub retries: u64,
    /// Work that was canceled in the last minute.
    pub canceled: u64,
    /// (failed + retries) / completed.
    pub failure_rate: f64,
    /// failed / (succeeded + failed).
    pub permanent_failure_rate: f64,
}

impl Workpool {
    /// The pool of this name, or of this declaration.
    #[must_use]
    pub fn pool(&self, name: impl AsRef<str>) -> PoolHandle {
        PoolHandle { workpool: self.clone(), name: name.as_ref().to_owned() }
    }

    /// Creates a pool at run time. False: it existed, and stays as it is.
    ///
    /// Work is put into it with [`Enqueue::pool`](crate::Enqueue::pool). Running workers serve it
    /// within about a second.
    pub async fn create_pool(&self, pool: Pool<'_>) -> Result<bool> {
        check_pool(&pool)?;
        let store = self.store();
        self.run(async |conn| {
            let existed = store.seed_pools(conn, &[pool]).await?;
            store.notify(conn, "").await?;
            Ok(existed.is_empty())
        })
        .await
    }

    /// The names of all pools.
    pub async fn pools(&self) -> Result<Vec<String>> {
        let store = self.store();
        let rows = self.run(async |conn| Ok(store.pools(conn, None).await?)).await?;
        Ok(rows.into_iter().map(|row| row.name).collect())
    }

    /// The numbers of a pool over the last minute. Workers add to them every few seconds; what a
    /// worker had not added when its process died is missing.
    pub async fn stats(&self, pool: impl AsRef<str>) -> Result<PoolStats> {
        let pool = pool.as_ref();
        let store = self.store();
        let rows = self.run(async |conn| Ok(store.stats(conn, &[(pool, None)]).await?));
        let row = rows.await?.pop();
        row.map(PoolStats::from).ok_or_else(|| Error::UnknownPool(pool.to_owned()))
    }

    /// A stream of a pool's numbers: at once, then at each change that is seen. Ends when the pool
    /// is removed or the database cannot be asked.
    pub fn watch_pool<P: AsRef<str>>(
        &self,
        pool: P,
    ) -> impl Stream<Item = Result<PoolStats>> + Send + use<P> {
        let pool = pool.as_ref();
        let mut changes = Changes::new(self);
        changes.pool = Some(pool.to_owned());
        let pool = pool.to_owned();
        futures_util::stream::unfold(Some((changes, None)), move |state| {
            let pool = pool.clone();
            async move {
                let (mut changes, last) = state?;
                loop {
                    match changes.workpool.stats(&pool).await {
                        Ok(stats) if Some(&stats) != last.as_ref() => {
                            return Some((Ok(stats.clone()), Some((changes, Some(stats)))));
                        }
                        Ok(_) => changes.wait().await,
                        Err(Error::UnknownPool(_)) => return None,
                        Err(error) => return Some((Err(error), None)),
                    }
                }
            }
        })
    }
}

impl PoolHandle {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Starts nothing any more, in any process, until [`resume`](Self::resume). Once this has
    /// returned no start commits. Running work goes on, its callbacks run, its retries are kept. So
    /// does a transaction that several `grouped` mutations share: what it had joined before may be
    /// entered some milliseconds later.
    pub async fn pause(&self) -> Result<()> {
        self.change(None, Some(true)).await
    }

    /// Starts work again.
    pub async fn resume(&self) -> Result<()> {
        self.change(None, Some(false)).await
    }

    /// Sets how many items may run at once over all processes. Lowering stops nothing that runs:
    /// nothing starts until fewer run than the new limit.
    pub async fn set_max_parallelism(&self, limit: u32) -> Result<()> {
        self.change(Some(limit), None).await
    }

    async fn change(&self, limit: Option<u32>, paused: Option<bool>) -> Result<()> {
        let name = self.name.clone();
        let resize = move |workpool: Workpool| -> BoxFuture<'static, Result<bool>> {
            let name = name.clone();
            Box::pin(async move {
                let store = workpool.store();
                let resized = async |conn: &mut PgConnection| {
                    Ok(store.resize(conn, &name, limit, paused).await?)
                };
                workpool.run(resized).await
            })
        };
        let found = self.workpool.transact(resize).await?;
        self.known(found)?;
        self.workpool.hub().send(Hint::Any);
        Ok(())
    }

    /// Sets how much workers log of this pool; they follow in about a second.
    pub async fn set_log_level(&self, level: LogLevel) -> Result<()> {
        let store = self.workpool.store();
        let set = async |conn: &mut PgConnection| {
            Ok(store.set_log_level(conn, &self.name, level.as_str()).await?)
        };
        self.known(self.workpool.run(set).await?)
    }

    /// The numbers of the pool over the last minute.
    pub async fn stats(&self) -> Result<PoolStats> {
        self.workpool.stats(&self.name).await
    }

    /// Removes the pool from the database. A pool that code declares comes back when a process
    /// with that code starts.
    ///
    /// # Errors
    ///
    /// [`Error::PoolInUse`] while it has work that has not ended.
    pub async fn remove(&self) -> Result<()> {
        let name = self.name.clone();
        let remove = move |workpool: Workpool| -> BoxFuture<'static, Result<Option<bool>>> {
            let name = name.clone();
            Box::pin(async move {
                let store = workpool.store();
                let removed =
                    async |conn: &mut PgConnection| Ok(store.remove_pool(conn, &name).await?);
                workpool.run(removed).await
            })
        };
        match self.workpool.transact(remove).await? {
            Some(true) => Ok(()),
            Some(false) => Err(Error::PoolInUse(self.name.clone())),
            None => Err(Error::UnknownPool(self.name.clone())),
        }
    }

    fn known(&self, found: bool) -> Result<()> {
        if found { Ok(()) } else { Err(Error::UnknownPool(self.name.clone())) }
    }
}

/// Whether a declared pool can be stored.
pub(crate) fn check_pool(pool: &Pool<'_>) -> Result<()> {
    check_pool_name(pool.name)?;
    pool.default_retry.fault().map_or(Ok(()), |why| {
        Err(Error::invalid("pool", format!("default_retry of pool `{}`: {why}", pool.name)))
    })
}

impl From<PoolCounts> for PoolStats {
    fn from(counts: PoolCounts) -> Self {
        Self {
            max_parallelism: u32::try_from(counts.max_parallelism).unwrap_or(u32::MAX),
            paused: counts.paused,
            running: counts.running.unsigned_abs(),
            backlog: counts.backlog.unsigned_abs(),
            scheduled: counts.scheduled.unsigned_abs(),
            completed: counts.completed().unsigned_abs(),
            succeeded: counts.succeeded.unsigned_abs(),
            failed: counts.failed.unsigned_abs(),
            retries: counts.retries.unsigned_abs(),
            canceled: counts.canceled.unsigned_abs(),
            failure_rate: counts.failure_rate(),
            permanent_failure_rate: counts.permanent_failure_rate(),
        }
    }
}
