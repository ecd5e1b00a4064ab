//! What is wrong with the database or the workers, and what to do.

use super::Inspector;
use crate::error::Result;
use crate::view::Finding;

impl Inspector {
    /// Looks at settings of the server, the state of the tables, old snapshots, versions, workers
    /// and privileges. The worst finding comes first; what is well is said too.
    pub async fn doctor(&self) -> Result<Vec<Finding>> {
        unimplemented!("follows")
    }
}
