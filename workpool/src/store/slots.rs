//! Slots: how many items of a pool each worker may run.

use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::{SqlResult, Store, row};
use crate::failpoint;

/// What a worker would like to hold of one pool.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SlotAsk<'a> {
    pub(crate) pool: &'a str,
    /// Items that it runs: so many slots it holds in any case.
    pub(crate) running: i64,
    /// Slots that it could use in all.
    pub(crate) usable: i64,
}

row! {
    /// What a worker holds of one pool.
    #[derive(Debug)]
    pub(crate) struct Grant {
        pub(crate) pool: String,
        pub(crate) granted: i64,
        pub(crate) frozen: bool,
    }
}

row! {
    /// The state of a pool as one of its workers sees it.
    #[derive(Debug)]
    pub(crate) struct PoolSync {
        pub(crate) pool: String,
        /// None: the worker has no row of slots there yet.
        pub(crate) granted: Option<i64>,
        pub(crate) frozen: bool,
        pub(crate) max_parallelism: i64,
        pub(crate) paused: bool,
        pub(crate) log_level: String,
        pub(crate) watched: bool,
        pub(crate) wanted_by_others: i64,
        pub(crate) other_claimants: i64,
        /// Who serves it beside this one.
        pub(crate) others: i64,
    }
}

impl Store {
    /// Takes slots, as far as the limits leave any. Locks first and counts in a later statement:
    /// in one statement the count would be as old as the wait for the lock.
    pub(crate) async fn take_slots(
        &self,
        conn: &mut PgConnection,
        worker: Uuid,
        asks: &[SlotAsk<'_>],
    ) -> SqlResult<Vec<Grant>> {
        let pools: Vec<_> = asks.iter().map(|a| a.pool).collect();
        let mut tx = self.begin(conn).await?;
        self.query(self.sql().lock_pools.clone()).bind(&pools).execute(&mut *tx).await?;
        failpoint::reach(failpoint::TAKE_BEGUN, &mut *tx).await?;
        let own = self.sql().lock_own.clone();
        let pools: Vec<String> =
            self.query_scalar(own).bind(worker).bind(&pools).fetch_all(&mut *tx).await?;
        let asks: Vec<_> = asks.iter().filter(|a| pools.iter().any(|p| p == a.pool)).collect();
        let grants = self
            .query_as(self.sql().take.clone())
            .bind(worker)
            .bind(asks.iter().map(|a| a.pool).collect::<Vec<_>>())
            .bind(asks.iter().map(|a| a.running).collect::<Vec<_>>())
            .bind(asks.iter().map(|a| a.usable).collect::<Vec<_>>())
            .fetch_all(&mut *tx)
            .await?;
        failpoint::reach(failpoint::TAKE_WRITTEN, &mut *tx).await?;
        tx.commit().await?;
        failpoint::reach(failpoint::TAKE_COMMITTED, conn).await?;
        Ok(grants)
    }

    /// Lowers our grants to `keep`, and wakes those who wait for them. In a transaction that locks
    /// first: as a single statement, the server might still run it after the client has given it up,
    /// has taken slots anew and runs something on them.
    pub(crate) async fn give_back(
        &self,
        conn: &mut PgConnection,
        worker: Uuid,
        keep: &[(&str, i64)],
        held: &[&str],
    ) -> SqlResult<()> {
        failpoint::reach(failpoint::GIVE_SEND, &mut *conn).await?;
        let mut tx = self.begin(conn).await?;
        let lock = self.query(self.sql().lock_slots.clone()).bind(worker).bind(held);
        lock.execute(&mut *tx).await?;
        self.query(self.sql().give_back.clone())
            .bind(worker)
            .bind(keep.iter().map(|(pool, _)| *pool).collect::<Vec<_>>())
            .bind(keep.iter().map(|(_, keep)| *keep).collect::<Vec<_>>())
            .bind(self.channel())
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        failpoint::reach(failpoint::GIVE_DONE, conn).await
    }

    /// The pools of a worker in which nothing would wait for somebody's transaction.
    pub(crate) async fn free_pools(
        &self,
        conn: &mut PgConnection,
        worker: Uuid,
    ) -> SqlResult<Vec<String>> {
        let sql = self.sql().free_pools.clone();
        self.query_scalar(sql).bind(worker).fetch_all(conn).await
    }

    /// Lowers all our grants to what still runs.
    pub(crate) async fn give_back_all(
        &self,
        conn: &mut PgConnection,
        worker: Uuid,
        running: &[Uuid],
    ) -> SqlResult<()> {
        let sql = self.sql().give_back_all.clone();
        self.query(sql).bind(worker).bind(running).execute(conn).await.map(drop)
    }

    /// All pools of a worker, in one round trip.
    pub(crate) async fn sync(
        &self,
        conn: &mut PgConnection,
        worker: Uuid,
    ) -> SqlResult<Vec<PoolSync>> {
        failpoint::reach(failpoint::SYNC_SEND, &mut *conn).await?;
        let rows =
            self.query_as(self.sql().sync.clone()).bind(worker).fetch_all(&mut *conn).await?;
        failpoint::reach(failpoint::SYNC_DONE, conn).await?;
        Ok(rows)
    }

    /// Which of these running items somebody has canceled.
    pub(crate) async fn cancels(
        &self,
        conn: &mut PgConnection,
        worker: Uuid,
        running: &[Uuid],
    ) -> SqlResult<Vec<(Uuid, i32)>> {
        let sql = self.sql().cancels.clone();
        self.query_as(sql).bind(worker).bind(running).fetch_all(conn).await
    }
}
