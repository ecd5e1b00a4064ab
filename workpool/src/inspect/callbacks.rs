//! Callbacks.

use super::{Inspector, page};
use crate::error::Result;
use crate::view::{CallbackRow, CallbackState, Cursor, Page};

impl Inspector {
    /// A page of callbacks that are still to run or were given up: of one state, or parked ones
    /// first and then the others by due time.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`](crate::Error::InvalidConfig) for a cursor of another list.
    pub async fn callbacks(
        &self,
        state: Option<CallbackState>,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Page<CallbackRow>> {
        let list = match state {
            None => "callbacks",
            Some(CallbackState::Due) => "callbacks_due",
            Some(CallbackState::Running) => "callbacks_running",
            Some(CallbackState::Parked) => "callbacks_parked",
        };
        let part = page::part(list, after, limit)?;
        let store = self.workpool.store();
        let listed = async |conn: &mut _| Ok(store.list_callbacks(conn, state, part).await?);
        Ok(page::page(list, self.read(listed).await?, part.rows))
    }
}
