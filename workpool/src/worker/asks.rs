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
/// From so many slots on, where no other worker has any, such claims go two at a time, each with half
/// of the slots. With fewer it costs the database more, and gains little.
const LANES: i64 = 64;
/// For so many of them a turn that is alone looks ahead.
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
        let lane = self.lane().filter(|_| self.beside.may_look(now));
        Ask {
            pool: Arc::clone(&self.name),
            items: self.claimable(now),
            running: self.in_use(),
            since: self.bounds.since(now),
            asleep: !self.pace.is_busy(now),
            ahead: lane.map_or(0, |lane| lane * AHEAD),
        }
    }

    /// The same for a turn beside others that writes up to so many ends, and how many of them it
    /// does. None: it has to be alone.
    pub(crate) fn ask_beside(&self, ends: i64, now: Instant) -> Option<(Ask, i64)> {
        let lane = self.lane()?;
        let ends = ends.min(lane);
        let later = self.ended - ends;
        let items = (self.claimable(now) - later).min(lane);
        let ask = || Ask { items, running: self.in_use() + later, ..self.ask(now) };
        self.beside.allows(items).then(|| (ask(), ends))
    }

    /// The most items of a turn beside others; none: they follow one another.
    pub(crate) fn lane(&self) -> Option<i64> {
        let alone = self.granted == self.max_parallelism;
        let lanes = alone && (LANES..=TURNS).contains(&self.granted) && !self.apart;
        lanes.then_some(self.granted / 2)
    }

    /// Whether more of it may end together with what has.
    pub(crate) fn ends_more(&self) -> bool {
        let most = self.running - self.beside.ending();
        self.ended > 0 && self.ended < self.lane().map_or(most, |lane| most.min(lane))
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

    /// Takes in the answer to a turn beside others. It says nothing of what it was not to claim.
    pub(crate) fn claimed_beside(&mut self, found: i64, walk: &Walk, _: bool, now: Instant) {
        self.running += found;
        self.due = (self.due - found).max(0);
        if walk.full {
            self.bounds.claimed(walk, now);
            self.pace.claimed(true, self.pace.asleep, now);
        } else {
            self.beside.fell_short();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use super::super::beside::FEW;
    use super::super::claims::Note;
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

    /// So many items are found.
    fn found(pool: &mut PoolState, ask: &Ask, items: i64, note: Note) {
        let walk = Walk { since: ask.since, took: Duration::ZERO, last: None, full: true };
        note(pool, items, &walk, ask.asleep, Instant::now());
    }

    #[test]
    fn turns_beside_one_another_never_have_more_than_the_slots() {
        let now = Instant::now();
        let mut pool = pool(LANES, false);
        let first = pool.ask(now);
        // Ten slots stay free.
        found(&mut pool, &first, LANES - 10, PoolState::claimed);
        (0..LANES - 10).for_each(|_| pool.owes());
        assert!(pool.ask_beside(10, now).is_none(), "nothing is marked ahead");
        pool.beside.looked(Some(LANES), now);
        let mut sent = Vec::new();
        for (most, items) in [(10, 20), (LANES, LANES / 2)] {
            let (ask, ends) = pool.ask_beside(most, now).unwrap();
            assert_eq!(
                (ask.items, ends),
                (items, most.min(LANES / 2)),
                "half of the slots at most"
            );
            pool.ended -= ends;
            pool.beside.sent(ends, items);
            sent.push((ask, ends));
        }
        let (other, _) = &sent[1];
        let rest = pool.ended;
        assert_eq!(other.running + other.items, LANES, "what the first may fill counts as used");
        for (ask, ends) in sent {
            assert_eq!(pool.claimable(now), rest);
            pool.beside.over(ends, ask.items);
            pool.running -= ends;
            found(&mut pool, &ask, ask.items, PoolState::claimed_beside);
        }
        assert_eq!((pool.running, pool.claimable(now)), (LANES, rest));
    }

    #[test]
    fn turns_follow_one_another_where_that_is_not_known_to_be_safe_or_worth_it() {
        let now = Instant::now();
        assert!(pool(LANES, false).ask(now).ahead > 0);
        for (few, why) in [
            (pool(LANES - 1, false), "few slots"),
            (pool(TURNS + 1, false), "so many that claims do not write ends"),
            (pool(LANES, true), "ends that no claim writes"),
        ] {
            assert_eq!(few.ask(now).ahead, 0, "{why}");
        }
        let mut short = pool(LANES, false);
        short.beside.looked(None, now);
        assert_eq!(short.ask(now).ahead, 0, "there was not enough to do just now");
        assert!(short.ask(now + FEW).ahead > 0);
    }
}
