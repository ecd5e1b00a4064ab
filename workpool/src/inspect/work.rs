//! Work items: lists, one in full, why one does not run, failures that look alike.

use std::time::Duration;

use uuid::Uuid;

use super::Inspector;
use crate::error::Result;
use crate::view::{Cursor, FailureGroup, Page, Why, WorkDetail, WorkFilter, WorkRow};

impl Inspector {
    /// A page of work items. What waits comes oldest due time first; what has ended, latest first.
    ///
    /// A page looks at some 20,000 rows at most. With a filter that few rows pass, it may end early,
    /// with fewer rows than `limit` or none, and a cursor to go on.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`](crate::Error::InvalidConfig) for a cursor of another list.
    pub async fn work(
        &self,
        filter: &WorkFilter,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Page<WorkRow>> {
        let _ = (filter, after, limit);
        unimplemented!("follows")
    }

    /// Everything that is known of one item; none: no such work, or it has been pruned.
    pub async fn show(&self, id: Uuid) -> Result<Option<WorkDetail>> {
        let _ = id;
        unimplemented!("follows")
    }

    /// Why an item is not running; none: no such work, or it has been pruned.
    pub async fn why(&self, id: Uuid) -> Result<Option<Why>> {
        let _ = id;
        unimplemented!("follows")
    }

    /// Work that failed since so long ago, grouped by function and error, the largest group first.
    /// Looks at the latest 20,000 failures at most.
    pub async fn failures(
        &self,
        pool: Option<&str>,
        window: Duration,
        limit: u32,
    ) -> Result<Vec<FailureGroup>> {
        let _ = (pool, window, limit);
        unimplemented!("follows")
    }
}
