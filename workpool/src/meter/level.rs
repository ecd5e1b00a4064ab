//! A share of a gauge: several workers of one process add to the same one, and none leaves its
//! share behind.

use metrics::Gauge;

/// What one worker adds to a gauge; nothing after it is dropped.
#[derive(Debug)]
pub(crate) struct Level {
    gauge: Gauge,
    value: f64,
}

impl Level {
    pub(super) fn new(gauge: Gauge, value: f64) -> Self {
        gauge.increment(value);
        Self { gauge, value }
    }

    pub(super) fn set(&mut self, value: f64) {
        self.gauge.increment(value - self.value);
        self.value = value;
    }
}

impl Drop for Level {
    fn drop(&mut self) {
        self.gauge.decrement(self.value);
    }
}
