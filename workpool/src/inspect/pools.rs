//! Pools at a glance, and over time.

use std::time::Duration;

use super::Inspector;
use crate::error::Result;
use crate::view::{Bucket, PoolOverview};

impl Inspector {
    /// All pools, by name: how much waits and runs, what ended lately, and what is wrong.
    pub async fn pools(&self) -> Result<Vec<PoolOverview>> {
        unimplemented!("follows")
    }

    /// One pool; none: it is not in the database.
    pub async fn pool(&self, name: &str) -> Result<Option<PoolOverview>> {
        let _ = name;
        unimplemented!("follows")
    }

    /// What ended in the last `window`, at most two hours, in so many equal parts, oldest first:
    /// of a pool, or of all together.
    pub async fn history(
        &self,
        pool: Option<&str>,
        window: Duration,
        buckets: u32,
    ) -> Result<Vec<Bucket>> {
        let _ = (pool, window, buckets);
        unimplemented!("follows")
    }
}
