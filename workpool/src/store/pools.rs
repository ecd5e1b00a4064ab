//! The rows of pools: seeding, reading, changing.

use sqlx::Row;
use sqlx::postgres::PgConnection;

use super::enqueue::millis;
use super::{SqlResult, Store, row};
use crate::failpoint;
use crate::function::{Pool, millis_or_forever};

row! {
    /// A pool as the database has it.
    #[derive(Debug)]
    pub(crate) struct PoolRow {
        pub(crate) name: String,
        pub(crate) max_parallelism: i64,
        pub(crate) retry_actions_by_default: bool,
        pub(crate) status_ttl_ms: Option<i64>,
    }
}

impl Store {
    /// Adds pools that are not there, and returns those that were, as they are.
    pub(crate) async fn seed_pools(
        &self,
        conn: &mut PgConnection,
        pools: &[Pool<'_>],
    ) -> SqlResult<Vec<PoolRow>> {
        fn each<'a, T>(pools: &[Pool<'a>], field: impl Fn(&Pool<'a>) -> T) -> Vec<T> {
            pools.iter().map(field).collect()
        }
        self.query_as(self.sql().seed_pools.clone())
            .bind(each(pools, |p| p.name.to_owned()))
            .bind(each(pools, |p| i64::from(p.max_parallelism)))
            .bind(each(pools, |p| p.retry_actions_by_default))
            .bind(each(pools, |p| p.default_retry.max_attempts.cast_signed()))
            .bind(each(pools, |p| millis(p.default_retry.initial_backoff)))
            .bind(each(pools, |p| p.default_retry.base))
            .bind(each(pools, |p| millis(p.default_retry.max_backoff)))
            .bind(each(pools, |p| millis_or_forever(p.status_ttl)))
            .fetch_all(conn)
            .await
    }

    /// All pools, or the one of that name.
    pub(crate) async fn pools(
        &self,
        conn: &mut PgConnection,
        name: Option<&str>,
    ) -> SqlResult<Vec<PoolRow>> {
        self.query_as(self.sql().pools.clone()).bind(name).fetch_all(conn).await
    }

    /// Changes limit and pause. After the commit nothing starts that the new values forbid.
    /// False: no such pool.
    pub(crate) async fn resize(
        &self,
        conn: &mut PgConnection,
        pool: &str,
        limit: Option<u32>,
        paused: Option<bool>,
    ) -> SqlResult<bool> {
        let mut tx = self.begin(conn).await?;
        failpoint::reach(failpoint::RESIZE_BEGUN, &mut *tx).await?;
        let done = self
            .query(self.sql().resize.clone())
            .bind(pool)
            .bind(limit.map(i64::from))
            .bind(paused)
            .execute(&mut *tx)
            .await?;
        failpoint::reach(failpoint::RESIZE_WRITTEN, &mut *tx).await?;
        tx.commit().await?;
        failpoint::reach(failpoint::RESIZE_COMMITTED, conn).await?;
        Ok(done.rows_affected() == 1)
    }

    /// Changes how much is logged. False: no such pool.
    pub(crate) async fn set_log_level(
        &self,
        conn: &mut PgConnection,
        pool: &str,
        level: &str,
    ) -> SqlResult<bool> {
        let sql = self.sql().set_log_level.clone();
        let done = self.query(sql).bind(pool).bind(level).execute(conn).await?;
        Ok(done.rows_affected() == 1)
    }

    /// Removes a pool without unfinished work. Some(true): removed; Some(false): still in use;
    /// none: no such pool.
    pub(crate) async fn remove_pool(
        &self,
        conn: &mut PgConnection,
        pool: &str,
    ) -> SqlResult<Option<bool>> {
        let mut tx = self.begin(conn).await?;
        self.query(self.sql().lock_pools.clone()).bind(vec![pool]).execute(&mut *tx).await?;
        let sql = self.sql().remove_pool.clone();
        let row = self.query(sql).bind(pool).fetch_one(&mut *tx).await?;
        tx.commit().await?;
        let (gone, found): (i64, i64) = (row.try_get("gone")?, row.try_get("found")?);
        Ok((found > 0).then_some(gone > 0))
    }
}
