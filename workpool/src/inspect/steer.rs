//! Steering: each action with its record, in one transaction.

use std::time::Duration;

use uuid::Uuid;

use super::Inspector;
use crate::error::Result;
use crate::view::{AuditRow, CanceledMatching, Retried, RetriedMatching, RunNow, WorkFilter};
use crate::work::Cancel;

impl Inspector {
    /// As [`PoolHandle::pause`](crate::PoolHandle::pause).
    pub async fn pause(&self, pool: &str) -> Result<()> {
        let _ = pool;
        unimplemented!("follows")
    }

    /// As [`PoolHandle::resume`](crate::PoolHandle::resume).
    pub async fn resume(&self, pool: &str) -> Result<()> {
        let _ = pool;
        unimplemented!("follows")
    }

    /// As [`PoolHandle::set_max_parallelism`](crate::PoolHandle::set_max_parallelism).
    pub async fn set_max_parallelism(&self, pool: &str, limit: u32) -> Result<()> {
        let _ = (pool, limit);
        unimplemented!("follows")
    }

    /// As [`Workpool::cancel`](crate::Workpool::cancel).
    pub async fn cancel(&self, id: Uuid) -> Result<Cancel> {
        let _ = id;
        unimplemented!("follows")
    }

    /// Cancels what matches and has not ended, at most so many.
    pub async fn cancel_matching(
        &self,
        filter: &WorkFilter,
        limit: u32,
    ) -> Result<CanceledMatching> {
        let _ = (filter, limit);
        unimplemented!("follows")
    }

    /// Does work again that failed, was canceled or was lost: as a new item, due now, with the same
    /// pool, function, name, arguments, policy, callback and context. How the old one ended stands,
    /// with a note of the new one, so that the same failure is not tried again twice by accident.
    pub async fn retry(&self, id: Uuid) -> Result<Retried> {
        let _ = id;
        unimplemented!("follows")
    }

    /// Retries what matches and has failed or was canceled, at most so many; failed work unless the
    /// filter names a state.
    pub async fn retry_matching(&self, filter: &WorkFilter, limit: u32) -> Result<RetriedMatching> {
        let _ = (filter, limit);
        unimplemented!("follows")
    }

    /// Makes an item due now that waits for its time or for the end of a backoff.
    pub async fn run_now(&self, id: Uuid) -> Result<RunNow> {
        let _ = id;
        unimplemented!("follows")
    }

    /// As [`Workpool::replay_callbacks`](crate::Workpool::replay_callbacks).
    pub async fn replay_callbacks(&self, work: &[Uuid]) -> Result<u64> {
        let _ = work;
        unimplemented!("follows")
    }

    /// Forgets work of a pool that ended so long ago, whatever its `status_ttl` says; at most
    /// `limit`. Returns how many. Callbacks are not touched.
    pub async fn prune(&self, pool: &str, older_than: Duration, limit: u32) -> Result<u64> {
        let _ = (pool, older_than, limit);
        unimplemented!("follows")
    }

    /// What was done lately, latest first. Records are kept for 30 days.
    pub async fn audit(&self, limit: u32) -> Result<Vec<AuditRow>> {
        let _ = limit;
        unimplemented!("follows")
    }
}
