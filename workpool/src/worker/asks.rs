//! What is asked for one pool when something is claimed, and what the answer says of it.

use std::sync::Arc;

use tokio::time::Instant;

use super::bounds::Walk;
use super::pools::{BUSY_POLL, PoolState};
use crate::store::Ask;

/// The most items of one claim.
const BATCH: i64 = 1000;
/// From so many slots on a claim takes half of them at most: while the ends of one half are
/// written, the other runs or is claimed.
const HALVES: i64 = 16;
/// Up to so many slots an end that leaves one is written with the claim that fills it: one commit
/// instead of two. Such a claim takes all slots, since nothing runs beside it anyway. With more of
/// them, two statements at a time are worth more.
pub(super) const TURNS: i64 = 128;

impl PoolState {
    /// How many items to ask for.
    pub(crate) fn claimable(&self, now: Instant) -> i64 {
        let whole = self.granted < HALVES || (self.granted <= TURNS && !self.apart);
        let most = if whole { BATCH } else { (self.granted / 2).min(BATCH) };
        if self.is_due(now) { self.usable().clamp(0, most) } else { 0 }
    }

    /// The part of a claim that is about this pool.
    pub(crate) fn ask(&self, now: Instant) -> Ask {
        Ask {
            pool: Arc::clone(&self.name),
            items: self.claimable(now),
            running: self.running - self.ended,
            since: self.bounds.since(now),
            asleep: !self.pace.is_busy(now),
        }
    }

    /// Takes in the answer to a claim.
    pub(crate) fn claimed(&mut self, found: i64, walk: &Walk, asleep: bool, now: Instant) {
        self.running += found;
        self.due = (self.due - found).max(0);
        let full = walk.full;
        self.bounds.claimed(walk, now);
        // When we have just said that we sleep, what was enqueued before is looked for once more.
        let fell_asleep = self.pace.claimed(found > 0, asleep, now);
        self.hot = full || fell_asleep;
        self.due_at = (!self.hot && !asleep).then(|| now + BUSY_POLL);
        // When the next item is due; or, with more to do and no slot left, how many to ask for.
        self.look |= if self.hot { self.is_short() } else { asleep };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::PoolSync;

    /// A pool of one worker with so many slots, and enough to do.
    fn pool(slots: i64, apart: bool) -> PoolState {
        let mut pool = PoolState::new("email".into());
        pool.synced(&PoolSync {
            pool: "email".into(),
            granted: Some(slots),
            frozen: false,
            max_parallelism: slots,
            paused: false,
            log_level: "info".into(),
            watched: false,
            wanted_by_others: 0,
            other_claimants: 0,
            others: 0,
        });
        pool.wake();
        pool.freed(0, None, apart);
        pool
    }

    #[test]
    fn a_claim_takes_half_of_the_slots_where_it_cannot_write_ends_too() {
        let most = |granted, apart| pool(granted, apart).claimable(Instant::now());
        assert_eq!((most(HALVES - 1, true), most(HALVES, true)), (HALVES - 1, HALVES / 2));
        assert_eq!((most(TURNS, false), most(TURNS, true)), (TURNS, TURNS / 2));
        assert_eq!(most(TURNS + 2, false), TURNS / 2 + 1);
    }
}
