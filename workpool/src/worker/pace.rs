//! How often claims of a pool find something: whether it is worth looking again soon, or whoever
//! enqueues is to tell.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// So many successful claims in `WINDOW` make a pool busy: it is polled, and whoever enqueues need
/// not notify, until `QUIET` empty claims in a row.
const BUSY: usize = 20;
const WINDOW: Duration = Duration::from_millis(100);
const QUIET: u32 = 10;

#[derive(Debug)]
pub(super) struct Pace {
    /// Whether the database has been told that we sleep.
    pub(super) asleep: bool,
    /// The last claims that found something.
    successes: VecDeque<Instant>,
    /// Claims in a row that found nothing.
    pub(super) empty: u32,
}

impl Default for Pace {
    fn default() -> Self {
        Self { asleep: true, successes: VecDeque::new(), empty: 0 }
    }
}

impl Pace {
    pub(super) fn is_busy(&self, now: Instant) -> bool {
        let recent = |at: &&Instant| now.duration_since(**at) < WINDOW;
        if self.asleep {
            self.successes.iter().filter(recent).count() >= BUSY
        } else {
            self.empty < QUIET
        }
    }

    /// Takes in whether a claim found something. True: it has just said that we sleep.
    pub(super) fn claimed(&mut self, found: bool, asleep: bool, now: Instant) -> bool {
        if found {
            self.successes.push_back(now);
            self.empty = 0;
        } else {
            self.empty = self.empty.saturating_add(1);
        }
        while self.successes.len() > 2 * BUSY {
            self.successes.pop_front();
        }
        !std::mem::replace(&mut self.asleep, asleep) && asleep
    }
}
