//! The patience of background loops: they go on for ever, wait longer each time, and say so once.

use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::telemetry;

/// Counts failures in a row.
#[derive(Debug)]
pub(crate) struct Backoff {
    what: &'static str,
    failures: u32,
    troubled: Arc<AtomicUsize>,
}

impl Backoff {
    pub(crate) fn new(what: &'static str) -> Self {
        Self::counted(what, Arc::default())
    }

    /// Adds itself to `troubled` while its latest try failed.
    pub(crate) const fn counted(what: &'static str, troubled: Arc<AtomicUsize>) -> Self {
        Self { what, failures: 0, troubled }
    }

    /// Notes a failure and says how long to wait: from 50 ms up to 2 s, with jitter, so that
    /// workers do not come back in step.
    pub(crate) fn failed(&mut self, error: &dyn Display) -> Duration {
        if self.failures == 0 {
            telemetry::trouble(self.what, error);
            self.troubled.fetch_add(1, Ordering::Relaxed);
        }
        self.failures = self.failures.saturating_add(1);
        let nominal = 50_u64.saturating_mul(1 << self.failures.min(6)).min(2000);
        Duration::from_millis(rand::random_range(nominal / 2..=nominal))
    }

    pub(crate) fn succeeded(&mut self) {
        if self.failures > 0 {
            telemetry::trouble_over(self.what);
            self.troubled.fetch_sub(1, Ordering::Relaxed);
        }
        self.failures = 0;
    }
}

impl Drop for Backoff {
    fn drop(&mut self) {
        if self.failures > 0 {
            self.troubled.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
