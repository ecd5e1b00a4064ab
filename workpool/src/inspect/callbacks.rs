//! Callbacks.

use super::Inspector;
use crate::error::Result;
use crate::view::{CallbackRow, CallbackState, Cursor, Page};

impl Inspector {
    /// A page of callbacks that are still to run or were given up: of one state, or parked ones
    /// first and then the others by due time.
    pub async fn callbacks(
        &self,
        state: Option<CallbackState>,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Page<CallbackRow>> {
        let _ = (state, after, limit);
        unimplemented!("follows")
    }
}
