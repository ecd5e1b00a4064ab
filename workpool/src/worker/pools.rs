//! What the dispatcher knows of one pool: slots, what runs, whether there may be due work. Pure
//! state, no I/O.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::ahead::Ahead;
use super::asks::TURNS;
use super::bounds::Bounds;
use super::crowd::Crowd;
use super::ends::Writer;
use super::pace::Pace;
use crate::desk::Lent;
use crate::store::{Due, Grant, PoolSync};

/// How often a busy pool is looked at.
pub(super) const BUSY_POLL: Duration = Duration::from_millis(5);
/// Between tries for what is due and could not be claimed, or looks for what could not be either.
const LOCKED: Duration = Duration::from_millis(50);
/// How long slots that were given back are left to those who wait for them.
const YIELD: Duration = Duration::from_millis(200);

#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
pub(crate) struct PoolState {
    pub(crate) name: Arc<str>,
    pub(crate) running: i64,
    /// The part of them that has ended, which the next claim is to write.
    pub(crate) ended: i64,
    pub(super) granted: i64,
    frozen: bool,
    /// Somebody's transaction holds its rows: nothing is asked there that would wait for that.
    held: bool,
    /// Slots to keep at most, because others wait.
    cap: Option<i64>,
    /// What ended last was of a kind that no claim writes.
    pub(super) apart: bool,
    /// The database has been told that we want more.
    waiting: bool,
    max_parallelism: i64,
    pub(super) paused: bool,
    /// There is due work, as far as is known.
    pub(super) hot: bool,
    /// Somebody ought to look what is due.
    pub(super) look: bool,
    /// Due items that the last look counted, up to `Due::MANY`.
    pub(super) due: i64,
    /// No slots were free; ask again then, or when something changes.
    denied_until: Option<Instant>,
    /// We have just made room for others.
    yielded_until: Option<Instant>,
    /// When the next item is due, or is worth a look.
    pub(super) due_at: Option<Instant>,
    crowd: Crowd,
    pub(super) ahead: Ahead,
    pub(super) bounds: Bounds,
    pub(super) pace: Pace,
    /// What the hub has been told of `is_ready`.
    pub(crate) published: bool,
    /// What whoever enqueues has been told of `lends`.
    pub(crate) lent: Option<Lent>,
    /// What attempts that end have been told: which of them the claim writes that waits for a slot.
    pub(crate) waits: Option<Writer>,
}

impl PoolState {
    pub(crate) fn new(name: Arc<str>) -> Self {
        Self {
            name,
            running: 0,
            ended: 0,
            granted: 0,
            frozen: false,
            held: false,
            cap: None,
            apart: false,
            waiting: false,
            max_parallelism: 0,
            paused: false,
            hot: false,
            look: true,
            due: 0,
            denied_until: None,
            yielded_until: None,
            due_at: None,
            crowd: Crowd::default(),
            ahead: Ahead::default(),
            bounds: Bounds::default(),
            pace: Pace::default(),
            published: false,
            lent: None,
            waits: None,
        }
    }

    /// There may be work, or room: a claim will show. Without a free slot somebody has to look
    /// first, since only due work is a reason to ask for one.
    pub(crate) fn wake(&mut self) {
        self.denied_until = None;
        self.pace.empty = 0;
        self.hot |= self.usable() > 0;
        self.look |= !self.hot;
    }

    /// The same from the database, which all workers of the pool hear.
    pub(crate) fn hear(&mut self) {
        // Who waits for a slot may be the one for whom there is room now.
        if self.waiting || self.crowd.goes_first() {
            self.wake();
        }
    }

    /// Items have ended, `apart` in a way that no claim of it can write; the first that is tried again is
    /// due at `again`.
    pub(crate) fn freed(&mut self, items: i64, again: Option<Instant>, apart: bool) {
        self.running -= items;
        self.apart = apart;
        self.due_at = self.due_at.into_iter().chain(again).min();
        // Frozen slots may be taken anew now.
        self.denied_until = None;
    }

    /// Takes in the row of the database. What others want decides what we may keep.
    pub(crate) fn synced(&mut self, row: &PoolSync) {
        let changed = (self.max_parallelism, self.paused) != (row.max_parallelism, row.paused);
        self.max_parallelism = row.max_parallelism;
        self.paused = row.paused;
        self.frozen = row.frozen;
        self.granted = row.granted.unwrap_or(0);
        self.crowd.counted(row.others);
        if changed {
            self.denied_until = None;
            self.look = true;
        }
        self.cap = (row.wanted_by_others > 0).then(|| self.share(row.other_claimants + 1));
    }

    /// The part of the slots to keep while others wait: what is in use here without further work,
    /// else a fair share. Of fewer slots than claimants we let go of all, and queue up again.
    fn share(&self, claimants: i64) -> i64 {
        if !self.hot && self.running < self.granted {
            self.running
        } else if self.max_parallelism < claimants {
            0
        } else {
            self.max_parallelism.unsigned_abs().div_ceil(claimants.unsigned_abs()).cast_signed()
        }
    }

    /// How many slots to keep, if some are to be given back, or are not wanted any more. Never fewer
    /// than are in use: what was read of the database may be older than our latest grant.
    pub(crate) fn surplus(&self) -> Option<i64> {
        let keep = self.cap.map_or(self.granted, |cap| cap.min(self.granted)).max(self.running);
        let gives = !self.held && (keep < self.granted || (self.waiting && !self.hot));
        gives.then_some(keep)
    }

    pub(crate) fn gave_back(&mut self) {
        if let Some(keep) = self.surplus() {
            if keep < self.granted {
                self.yielded_until = Some(Instant::now() + YIELD);
            }
            self.granted = keep;
            self.waiting = false;
        }
    }

    /// Takes in whether somebody holds its rows.
    pub(crate) fn holds(&mut self, held: bool) {
        if self.held && !held {
            self.wake();
        }
        self.held = held;
    }

    pub(crate) const fn is_held(&self) -> bool {
        self.held
    }

    /// Slots in use; not those of what has ended, which the next claim writes.
    pub(super) const fn in_use(&self) -> i64 {
        self.running - self.ended
    }

    pub(super) fn usable(&self) -> i64 {
        if self.frozen || self.held {
            return 0;
        }
        self.cap.map_or(self.granted, |cap| self.granted.min(cap)) - self.in_use()
    }

    /// Whether there is more to claim once a slot becomes free.
    pub(crate) fn waits_for_slots(&self) -> bool {
        let full = self.usable() - self.ended <= 0;
        let barred = self.paused || self.frozen || self.held;
        self.hot && !barred && full && self.granted <= TURNS
    }

    /// An item has ended, which the next claim is to write.
    pub(crate) fn owes(&mut self) {
        self.ended += 1;
        self.apart = false;
    }

    /// Whether it has due work, and no slot for it.
    pub(crate) fn is_needy(&self, now: Instant) -> bool {
        let over = |until: Option<Instant>| until.is_none_or(|until| now >= until);
        self.hot
            && !self.paused
            && !self.held
            && self.is_short()
            && over(self.denied_until)
            && over(self.yielded_until)
    }

    /// Slots that it could use in all: for what is due, not for what may come.
    pub(crate) fn wanted(&self) -> i64 {
        let due = if self.due >= Due::MANY { i64::MAX } else { self.due.max(1) };
        self.running.saturating_add(due).min(self.max_parallelism).max(self.running)
    }

    /// Not again so soon, unless something changes.
    pub(crate) fn asked(&mut self, until: Instant) {
        self.denied_until = Some(until);
    }

    /// Takes in what it was granted. True: from now on it waits for more.
    pub(crate) fn took(&mut self, grant: &Grant) -> bool {
        let waited = self.waiting;
        self.waiting = grant.granted < self.wanted();
        self.granted = grant.granted;
        self.frozen = grant.frozen;
        self.cap = None;
        if self.usable() > 0 {
            self.denied_until = None;
        }
        self.waiting && !waited
    }

    /// Whether there is nothing to do, or to wait for, as far as is known.
    pub(crate) const fn is_idle(&self) -> bool {
        self.running == 0 && !self.hot && !self.waiting
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.hot || self.due_at.is_some_and(|at| now >= at)
    }

    /// Whether all slots are in use, and there may be more to have.
    pub(super) fn is_short(&self) -> bool {
        self.usable() <= 0 && (self.frozen || self.granted < self.max_parallelism)
    }

    /// Takes in what is due. True: there is something to do.
    pub(crate) fn peeked(&mut self, due: Option<&Due>, now: Instant) -> bool {
        self.look = false;
        self.crowd.looked();
        self.due = due.map_or(0, |due| due.items);
        let wait = due.map(|due| due.wait);
        self.hot = wait == Some(Duration::ZERO);
        if self.hot && self.usable() > 0 && self.pace.empty > 1 {
            // It is due, and we did not get it: somebody has it locked, or our slots were frozen.
            self.hot = false;
            self.due_at = Some(now + LOCKED);
        } else if !self.hot {
            let asleep = self.pace.asleep;
            let poll = if asleep { self.pace.late_look(now) } else { Some(now + self.busy_poll()) };
            let next = wait.map(|wait| now + wait);
            self.due_at = poll.into_iter().chain(next).min();
        }
        self.claimable(now) > 0 || self.is_needy(now)
    }

    /// How soon to look again while enqueues rely on that. Without a slot no claim says that it sleeps:
    /// when nothing has come for a while, it looks less often.
    fn busy_poll(&mut self) -> Duration {
        if self.usable() > 0 {
            return BUSY_POLL;
        }
        self.pace.empty = self.pace.empty.saturating_add(1);
        if self.pace.is_busy(Instant::now()) { BUSY_POLL } else { LOCKED }
    }

    /// When it is worth looking again without being told.
    pub(crate) fn next_look(&self, now: Instant) -> Option<Instant> {
        if self.paused || self.held {
            return None;
        }
        let own = if self.usable() > 0 {
            if self.hot { Some(now) } else { self.due_at }
        } else if !self.is_short() {
            None
        } else if self.hot {
            let waits = [self.denied_until, self.yielded_until];
            Some(waits.into_iter().flatten().max().unwrap_or(now))
        } else {
            self.due_at
        };
        own.into_iter().chain(self.crowd.look_at()).min()
    }

    /// When to survey it.
    pub(crate) const fn survey_at(&self) -> Option<Instant> {
        if self.paused || self.held { None } else { self.bounds.survey_at() }
    }

    /// Whether somebody ought to look what is due: also when a scheduled item has become so that
    /// there is no free slot for.
    pub(crate) fn wants_look(&self, now: Instant) -> bool {
        let over = |at: Option<Instant>| at.is_some_and(|at| now >= at);
        // How many slots to ask for is of no interest before one may ask again.
        let denied = self.hot && self.denied_until.is_some_and(|until| now < until);
        (self.look && !denied)
            || over(self.crowd.look_at())
            || (self.is_short() && !self.hot && over(self.due_at))
    }

    /// Whether work that is enqueued now would be started at once.
    pub(crate) fn is_ready(&self) -> bool {
        !self.paused && self.usable() > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Timestamp;
    use crate::worker::bounds::Walk;

    fn read(granted: Option<i64>) -> PoolSync {
        PoolSync {
            pool: "email".into(),
            granted,
            frozen: false,
            max_parallelism: 10,
            paused: false,
            log_level: "info".into(),
            watched: false,
            wanted_by_others: 0,
            other_claimants: 1,
            others: 1,
        }
    }

    #[test]
    fn slots_in_use_are_kept_although_an_old_reading_does_not_know_of_them() {
        let now = Instant::now();
        let mut pool = PoolState::new("email".into());
        pool.synced(&read(Some(0)));
        pool.peeked(Some(&Due { items: 5, wait: Duration::ZERO }), now);
        // It gets three of five slots, and claims the last three items.
        pool.took(&Grant { pool: "email".into(), granted: 3, frozen: false });
        let since = Timestamp::EPOCH;
        let walk = Walk { since, took: Duration::ZERO, last: None, full: true };
        pool.claimed(3, &walk, true, now);
        pool.peeked(None, now);
        // Read before the grant, and heard of after it.
        pool.synced(&read(Some(0)));
        assert_eq!(pool.surplus(), Some(3), "it wants no more, and keeps what it uses");
        pool.synced(&PoolSync { wanted_by_others: 1, ..read(None) });
        assert_eq!(pool.surplus(), Some(3), "also when others wait");
    }

    #[test]
    fn a_pool_without_a_slot_is_looked_at_less_often_once_nothing_comes() {
        let now = Instant::now();
        let mut pool = PoolState::new("email".into());
        pool.synced(&read(Some(0)));
        pool.pace.asleep = false;
        let pause = || {
            pool.peeked(None, now);
            pool.next_look(now).unwrap() - now
        };
        let mut pauses = std::iter::repeat_with(pause);
        assert_eq!((pauses.next(), pauses.nth(100)), (Some(BUSY_POLL), Some(LOCKED)));
    }

    #[test]
    fn a_pool_that_was_denied_slots_is_not_looked_at_before_it_may_ask_again() {
        let (now, later) = (Instant::now(), Instant::now() + Duration::from_secs(1));
        let mut pool = PoolState::new("email".into());
        pool.synced(&read(Some(3)));
        pool.peeked(Some(&Due { items: 9, wait: Duration::ZERO }), now);
        let walk =
            || Walk { since: Timestamp::EPOCH, took: Duration::ZERO, last: None, full: true };
        pool.claimed(3, &walk(), true, now);
        assert!(pool.wants_look(now), "how many to ask for");
        pool.peeked(Some(&Due { items: 6, wait: Duration::ZERO }), now);
        pool.asked(later);
        pool.took(&Grant { pool: "email".into(), granted: 3, frozen: false });
        // One ends, and another is claimed.
        pool.freed(1, None, false);
        pool.asked(later);
        pool.claimed(1, &walk(), true, now);
        assert!(!pool.wants_look(now) && pool.wants_look(later));
    }
}
