//! Workers.

use super::Inspector;
use crate::error::Result;
use crate::view::WorkerRow;

impl Inspector {
    /// The workers that have registered and are not yet forgotten, the living ones first.
    pub async fn workers(&self) -> Result<Vec<WorkerRow>> {
        unimplemented!("follows")
    }
}
