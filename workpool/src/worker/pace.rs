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
/// Whoever has enqueued in a transaction while the pool was awake may commit it later, and tells nobody.
/// Until so long after it has fallen asleep it is looked at again.
const LATE: Duration = Duration::from_mins(1);
const LATE_FIRST: Duration = Duration::from_millis(50);

#[derive(Debug)]
pub(super) struct Pace {
    /// Whether the database has been told that we sleep.
    pub(super) asleep: bool,
    /// When it was.
    slept_at: Option<Instant>,
    /// The last claims that found something.
    successes: VecDeque<Instant>,
    /// Claims in a row that found nothing.
    pub(super) empty: u32,
}

impl Default for Pace {
    fn default() -> Self {
        Self { asleep: true, slept_at: None, successes: VecDeque::new(), empty: 0 }
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
        let fell_asleep = !std::mem::replace(&mut self.asleep, asleep) && asleep;
        if fell_asleep {
            self.slept_at = Some(now);
        }
        fell_asleep
    }

    /// When to look for what is committed late, while it sleeps: what a transaction has enqueued is found
    /// before twice the time has passed that this took.
    pub(super) fn late_look(&self, now: Instant) -> Option<Instant> {
        let slept = now.duration_since(self.slept_at?);
        (slept < LATE).then(|| now + slept.max(LATE_FIRST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_committed_late_is_looked_for_less_and_less_often() {
        let begun = Instant::now();
        let mut pace = Pace::default();
        pace.claimed(false, true, begun);
        assert_eq!(pace.late_look(begun), None, "it was asleep before");
        pace.claimed(true, false, begun);
        assert!(pace.claimed(false, true, begun), "it falls asleep");
        let looks: Vec<_> = std::iter::successors(Some(begun), |at| pace.late_look(*at))
            .map(|at| at - begun)
            .collect();
        assert_eq!((looks[1], looks[2], looks[3]), (LATE_FIRST, 2 * LATE_FIRST, 4 * LATE_FIRST));
        assert!(looks.len() < 15 && looks.last() >= Some(&LATE));
    }
}
