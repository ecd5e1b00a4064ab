//! Counts what runs, and when.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Result, ensure};
use tokio::sync::Notify;
use tokio::time::timeout;

/// What has run in this process.
#[derive(Debug)]
pub(crate) struct Tally {
    clock: Clock,
    expected: u64,
    runs: AtomicU64,
    /// Of these, runs of an item that had run here before.
    again: AtomicU64,
    calls: AtomicU64,
    last_us: AtomicU64,
    /// When each item started, in microseconds since 1970; zero: it has not.
    started_us: Vec<AtomicU64>,
    all_ran: Notify,
}

/// Tells microseconds since 1970 in even steps, whoever sets the clock of the machine meanwhile.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    at: Instant,
    at_us: u64,
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

impl Clock {
    pub(crate) fn start() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { at: Instant::now(), at_us: micros(now) }
    }

    pub(crate) fn now_us(&self) -> u64 {
        self.at_us + micros(self.at.elapsed())
    }
}

impl Tally {
    /// Expects so many runs, of items that are numbered from zero.
    pub(crate) fn expecting(n: i64) -> Arc<Self> {
        let n = usize::try_from(n).unwrap_or(0);
        Arc::new(Self {
            clock: Clock::start(),
            expected: n as u64,
            runs: AtomicU64::new(0),
            again: AtomicU64::new(0),
            calls: AtomicU64::new(0),
            last_us: AtomicU64::new(0),
            started_us: (0..n).map(|_| AtomicU64::new(0)).collect(),
            all_ran: Notify::new(),
        })
    }

    /// An item runs.
    pub(crate) fn ran(&self, n: i64) {
        let now = self.clock.now_us();
        // Rows that `fill` wrote have no number of their own.
        if let Some(slot) = usize::try_from(n).ok().and_then(|n| self.started_us.get(n))
            && slot.compare_exchange(0, now, Relaxed, Relaxed).is_err()
        {
            self.again.fetch_add(1, Relaxed);
        }
        self.last_us.fetch_max(now, Relaxed);
        if self.runs.fetch_add(1, Relaxed) + 1 == self.expected {
            self.all_ran.notify_one();
        }
    }

    /// A callback runs.
    pub(crate) fn called(&self) {
        self.calls.fetch_add(1, Relaxed);
    }

    pub(crate) fn runs(&self) -> u64 {
        self.runs.load(Relaxed)
    }

    pub(crate) fn again(&self) -> u64 {
        self.again.load(Relaxed)
    }

    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Relaxed)
    }

    pub(crate) fn expected(&self) -> u64 {
        self.expected
    }

    pub(crate) fn clock(&self) -> Clock {
        self.clock
    }

    /// When the last run started.
    pub(crate) fn last_us(&self) -> u64 {
        self.last_us.load(Relaxed)
    }

    pub(crate) fn started_us(&self) -> Vec<u64> {
        self.started_us.iter().map(|at| at.load(Relaxed)).collect()
    }

    /// Waits for the last expected run, but not for long.
    pub(crate) async fn nap(&self, at_most: Duration) {
        let _ = timeout(at_most, self.all_ran.notified()).await;
    }

    /// Waits until as many have run as are expected.
    pub(crate) async fn all(&self, limit: Duration) -> Result<()> {
        let begun = Instant::now();
        while self.runs() < self.expected {
            let (ran, of) = (self.runs(), self.expected);
            ensure!(begun.elapsed() < limit, "{ran} of {of} ran in {limit:?}");
            self.nap(Duration::from_millis(5)).await;
        }
        Ok(())
    }
}
