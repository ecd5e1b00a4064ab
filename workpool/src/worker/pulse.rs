//! What can be told of a worker without asking anybody.

use std::sync::Arc;

use super::Now;
use crate::handle::Workpool;

/// The signs of life of a worker, for as long as anybody wants to know. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Pulse(pub(super) Arc<Now>);

impl Pulse {
    /// It has not ended.
    pub(crate) fn is_live(&self) -> bool {
        !self.0.ended.is_cancelled()
    }

    /// And nobody has told it to.
    pub(crate) fn is_running(&self) -> bool {
        self.is_live() && !self.0.stop.is_cancelled()
    }

    pub(crate) fn holds_lease(&self) -> bool {
        self.0.current().lease.is_valid()
    }

    /// The latest try of each of its loops succeeded.
    pub(crate) fn is_untroubled(&self) -> bool {
        self.0.troubles.is_none()
    }

    pub(crate) fn workpool(&self) -> Workpool {
        self.0.current().workpool.clone()
    }
}
