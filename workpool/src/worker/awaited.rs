//! Whether slots are what is waited for: then ends are written as they come, else several together.

use std::sync::atomic::{AtomicBool, Ordering};

#[derive(Debug, Default)]
pub(crate) struct Awaited {
    /// The dispatcher has nothing to do before a slot becomes free.
    now: AtomicBool,
    /// So it was when ends were last known to be written.
    then: AtomicBool,
}

impl Awaited {
    pub(super) fn set(&self, awaited: bool) {
        self.now.store(awaited, Ordering::Relaxed);
    }

    /// Ends are written, and their slots are still to become free.
    pub(super) fn written(&self) {
        self.then.store(self.now.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// Whether those that were written last had been waited for, as these will be.
    pub(super) fn were(&self) -> bool {
        self.then.load(Ordering::Relaxed)
    }
}
