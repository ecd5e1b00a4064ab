//! What is asked for one pool when something is claimed, and what the answer says of it.

use std::sync::Arc;

use tokio::time::Instant;

use super::beside::MANY;
use super::bounds::Walk;
use super::ends::Writer;
use super::pools::{BUSY_POLL, PoolState};
use crate::desk::Lent;
use crate::store::Ask;

/// The most items of one claim.
const BATCH: i64 = 1000;
/// From so many slots on a claim takes half of them at most: while the ends of one half are
/// written, the other runs or is claimed.
const HALVES: i64 = 16;
/// Up to so many slots an end that leaves one is written with the claim that fills it: in one commit,
/// or at the same time. Such a claim takes all slots, since nothing runs beside it anyway. With more
/// of them it is worth more that half of them run meanwhile.
pub(super) const TURNS: i64 = 128;
/// For so many further ones such a claim looks ahead.
const AHEAD: i64 = 32;

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
            running: self.in_use(),
            since: self.bounds.since(now),
            asleep: !self.pace.is_busy(now),
            ahead: 0,
        }
    }

    /// The same for a turn of this pool alone, which looks ahead for those that follow.
    pub(crate) fn ask_ahead(&self, now: Instant) -> Ask {
        let looks = self.granted <= TURNS && self.ahead.may_look(now);
        let ahead = if looks { AHEAD * self.granted } else { 0 };
        Ask { ahead, ..self.ask(now) }
    }

    /// Whether a turn may claim what was marked then.
    pub(crate) fn goes_on(&self, now: Instant) -> bool {
        self.ahead.allows(self.claimable(now))
    }

    /// What its claims can write; `near`: beside them as well.
    pub(crate) fn writer(&self, near: bool) -> Writer {
        let large = near && (i64::from(MANY)..=TURNS).contains(&self.granted);
        if large { Writer::LargeClaim } else { Writer::Claim }
    }

    /// The slots that whoever enqueues may fill at once: while nothing waits, as far as is known.
    pub(crate) fn lends(&self) -> Option<Lent> {
        let idle = !self.paused && !self.hot && !self.look && self.ended == 0;
        let lent = Lent { free: self.usable(), in_use: self.running };
        (idle && lent.free > 0).then_some(lent)
    }

    /// Whether it has more to do than slots.
    pub(crate) fn is_full(&self) -> bool {
        self.hot && self.usable() <= 0
    }

    /// Whether more of it may end together with what has.
    pub(crate) const fn ends_more(&self) -> bool {
        self.ended > 0 && self.ended < self.running
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

    /// Takes in the answer to a claim of what was marked. It says nothing of what is due beyond.
    pub(crate) fn claimed_marked(&mut self, found: i64, walk: &Walk, _: bool, now: Instant) {
        self.running += found;
        self.due = (self.due - found).max(0);
        self.ahead.claimed(found);
        if walk.full {
            self.bounds.claimed(walk, now);
            self.pace.claimed(true, self.pace.asleep, now);
        } else {
            self.ahead.fell_short();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use super::super::ahead::FEW;
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

    #[test]
    fn a_turn_looks_ahead_unless_there_was_not_enough_to_do_just_now() {
        let now = Instant::now();
        let mut pool = pool(10, false);
        assert_eq!(pool.ask_ahead(now).ahead, 10 * AHEAD);
        pool.ahead.looked(None, now);
        assert_eq!(pool.ask_ahead(now).ahead, 0);
        assert_eq!(pool.ask_ahead(now + FEW).ahead, 10 * AHEAD);
        pool.granted = TURNS + 1;
        assert_eq!(pool.ask_ahead(now + FEW).ahead, 0, "not over half of the backlog");
    }

    #[test]
    fn turns_go_on_as_far_as_is_marked_and_not_once_there_was_less() {
        let now = Instant::now();
        let claims = |pool: &mut PoolState, less: i64| {
            let ask = pool.ask(now);
            let (found, full) = (ask.items - less, less == 0);
            let walk = Walk { since: ask.since, took: Duration::ZERO, last: None, full };
            pool.claimed_marked(found, &walk, ask.asleep, now);
            (0..found).for_each(|_| pool.owes());
            pool.goes_on(now)
        };
        let mut pool = pool(10, false);
        assert!(!pool.goes_on(now), "nothing is marked");
        pool.ahead.looked(Some(25), now);
        assert!(claims(&mut pool, 0), "fifteen are left");
        assert!(!claims(&mut pool, 0), "five are left");
        pool.ahead.looked(Some(25), now);
        assert!(!claims(&mut pool, 1), "there was less");
    }
}
