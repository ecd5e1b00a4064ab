//! What this process knows of its own lease: until when it is surely valid, and whether it is lost
//! for good. Monotonic time only.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

/// The lease of one life of a worker.
#[derive(Debug)]
pub(crate) struct Lease {
    base: Instant,
    /// Microseconds after `base`.
    valid_until: AtomicU64,
    /// Fires when the database says that others have taken over.
    pub(crate) lost: Arc<CancellationToken>,
}

impl Lease {
    pub(crate) fn new() -> Self {
        Self { base: Instant::now(), valid_until: AtomicU64::new(0), lost: Arc::default() }
    }

    /// Notes a renewal that was sent at `sent`: valid for four fifths of the lease from then, which
    /// leaves room for clocks that run unevenly.
    pub(crate) fn renewed(&self, sent: Instant, lease: Duration) {
        let until = sent.duration_since(self.base) + lease * 4 / 5;
        let until = u64::try_from(until.as_micros()).unwrap_or(u64::MAX);
        self.valid_until.fetch_max(until, Ordering::AcqRel);
    }

    /// For how long it is surely valid.
    #[cfg(feature = "metrics")]
    pub(crate) fn left(&self) -> Duration {
        let until = Duration::from_micros(self.valid_until.load(Ordering::Acquire));
        let left = until.saturating_sub(self.base.elapsed());
        if self.lost.is_cancelled() { Duration::ZERO } else { left }
    }

    /// Whether nobody else can have taken over yet.
    pub(crate) fn is_valid(&self) -> bool {
        self.is_valid_at(Instant::now())
    }

    /// The same for one who has just looked at the clock.
    pub(crate) fn is_valid_at(&self, now: Instant) -> bool {
        let now = now.saturating_duration_since(self.base);
        let now = u64::try_from(now.as_micros()).unwrap_or(u64::MAX);
        now < self.valid_until.load(Ordering::Acquire) && !self.lost.is_cancelled()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_valid_for_a_part_of_its_time_and_never_after_its_loss() {
        let lease = Lease::new();
        assert!(!lease.is_valid());
        lease.renewed(Instant::now(), Duration::from_mins(1));
        assert!(lease.is_valid());
        lease.lost.cancel();
        assert!(!lease.is_valid());
    }
}
