//! What the dispatcher knows of one pool: slots, what runs, whether there may be due work. Pure
//! state, no I/O.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::store::{Ask, Grant, PoolSync, Timestamp};

/// The most items of one claim.
const BATCH: i64 = 1000;
/// So many successful claims in `BUSY_WINDOW` make a pool busy: it is polled every `BUSY_POLL`,
/// and whoever enqueues need not notify, until `QUIET` empty claims in a row.
const BUSY: usize = 20;
const BUSY_WINDOW: Duration = Duration::from_millis(100);
const BUSY_POLL: Duration = Duration::from_millis(5);
const QUIET: u32 = 10;
/// How long a claim may skip what lies before the last claimed item: rows of late commits and dead
/// entries of the index.
const SKIP: Duration = Duration::from_secs(1);

/// Between tries for an item that is due and could not be claimed.
const LOCKED: Duration = Duration::from_millis(50);

#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
pub(crate) struct PoolState {
    pub(crate) name: Arc<str>,
    pub(crate) running: i64,
    granted: i64,
    frozen: bool,
    /// Slots to keep at most, because others wait.
    cap: Option<i64>,
    /// The database has been told that we want more.
    waiting: bool,
    max_parallelism: i64,
    paused: bool,
    /// There may be due work.
    hot: bool,
    /// No slots were free; ask again then, or when something changes.
    denied_until: Option<Instant>,
    /// When the next item is due, as far as is known.
    due_at: Option<Instant>,
    /// Where the claim begins to look, and until when it may.
    since: (Timestamp, Instant),
    /// Whether the database has been told that we sleep.
    asleep: bool,
    successes: VecDeque<Instant>,
    empty: u32,
}

impl PoolState {
    pub(crate) fn new(name: Arc<str>) -> Self {
        Self {
            name,
            running: 0,
            granted: 0,
            frozen: false,
            cap: None,
            waiting: false,
            max_parallelism: 0,
            paused: false,
            hot: false,
            denied_until: None,
            due_at: None,
            since: (Timestamp::EPOCH, Instant::now()),
            asleep: true,
            successes: VecDeque::new(),
            empty: 0,
        }
    }

    /// There may be work, or slots.
    pub(crate) fn wake(&mut self) {
        self.hot = true;
        self.denied_until = None;
    }

    pub(crate) fn freed(&mut self, items: i64) {
        self.running -= items;
        // With all slots in use nobody looked, and frozen slots may be taken anew now.
        self.denied_until = None;
    }

    /// Takes in the row of the database. What others want decides what we may keep.
    pub(crate) fn synced(&mut self, row: &PoolSync) {
        let limit_changed =
            self.max_parallelism != row.max_parallelism || self.paused != row.paused;
        self.max_parallelism = row.max_parallelism;
        self.paused = row.paused;
        self.frozen = row.frozen;
        if let Some(granted) = row.granted {
            self.granted = granted;
        }
        if limit_changed {
            self.wake();
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

    /// How many slots to keep, if some are to be given back, or are not wanted any more.
    pub(crate) fn surplus(&self) -> Option<i64> {
        let keep = self.cap.map_or(self.granted, |cap| cap.max(self.running).min(self.granted));
        (keep < self.granted || (self.waiting && !self.hot)).then_some(keep)
    }

    pub(crate) fn gave_back(&mut self) {
        if let Some(keep) = self.surplus() {
            if keep < self.granted {
                // Whoever waits takes them first.
                self.denied_until = Some(Instant::now() + Duration::from_millis(200));
            }
            self.granted = keep;
            self.waiting = false;
        }
    }

    fn usable(&self) -> i64 {
        if self.frozen {
            return 0;
        }
        self.cap.map_or(self.granted, |cap| self.granted.min(cap)) - self.running
    }

    /// Whether it has work, probably, and no slot for it.
    pub(crate) fn is_needy(&self, now: Instant) -> bool {
        self.is_hot(now)
            && !self.paused
            && self.usable() <= 0
            && (self.frozen || self.granted < self.max_parallelism)
            && self.denied_until.is_none_or(|until| now >= until)
    }

    /// Slots to ask for in all.
    pub(crate) fn wanted(&self) -> i64 {
        self.max_parallelism.max(self.running)
    }

    /// Not again so soon, unless something changes.
    pub(crate) fn asked(&mut self, until: Instant) {
        self.denied_until = Some(until);
    }

    pub(crate) fn took(&mut self, grant: &Grant) {
        self.granted = grant.granted;
        self.frozen = grant.frozen;
        self.cap = None;
        self.waiting = grant.granted < self.wanted();
        if self.usable() > 0 {
            self.denied_until = None;
        }
    }

    fn is_hot(&self, now: Instant) -> bool {
        self.hot || self.due_at.is_some_and(|at| now >= at)
    }

    /// How many items to ask for.
    pub(crate) fn claimable(&self, now: Instant) -> i64 {
        if self.is_hot(now) { self.usable().clamp(0, BATCH) } else { 0 }
    }

    /// The part of a claim that is about this pool.
    pub(crate) fn ask(&self, now: Instant) -> Ask<'_> {
        let (since, until) = self.since;
        Ask {
            pool: &self.name,
            items: self.claimable(now),
            running: self.running,
            since: if now < until { since } else { Timestamp::EPOCH },
            asleep: !self.is_busy(now),
        }
    }

    fn is_busy(&self, now: Instant) -> bool {
        let recent = |at: &&Instant| now.duration_since(**at) < BUSY_WINDOW;
        if self.asleep {
            self.successes.iter().filter(recent).count() >= BUSY
        } else {
            self.empty < QUIET
        }
    }

    /// Takes in the answer to a claim. True: the pool has gone cold, and somebody ought to look
    /// when its next item is due.
    pub(crate) fn claimed(
        &mut self,
        found: i64,
        asked: i64,
        last: Option<Timestamp>,
        asleep: bool,
        now: Instant,
    ) -> bool {
        self.running += found;
        let full = found >= asked;
        let (_, until) = self.since;
        self.since = match last {
            // Only while there is more than we can take: else a late commit would wait.
            Some(last) if full && now < until => (last, until),
            Some(last) if full => (last, now + SKIP),
            _ => (Timestamp::EPOCH, now),
        };
        if found > 0 {
            self.successes.push_back(now);
            self.successes.truncate(2 * BUSY);
            while self.successes.front().is_some_and(|at| now - *at >= BUSY_WINDOW) {
                self.successes.pop_front();
            }
        }
        self.empty = if found > 0 { 0 } else { self.empty + 1 };
        // When we have just said that we sleep, what was enqueued before is looked for once more.
        let fell_asleep = asleep && !self.asleep;
        self.asleep = asleep;
        self.hot = full || fell_asleep;
        self.due_at = (!self.hot && !asleep).then(|| now + BUSY_POLL);
        !self.hot
    }

    /// Takes in when the next item is due. True: now, and there is room.
    pub(crate) fn peeked(&mut self, due: Option<Duration>, now: Instant) -> bool {
        match due {
            // It is due, and we did not get it: somebody has it locked, or our slots were frozen.
            Some(Duration::ZERO) if self.empty > 1 => self.due_at = Some(now + LOCKED),
            Some(Duration::ZERO) => self.hot = true,
            Some(wait) => self.due_at = Some(now + wait),
            None if self.asleep => self.due_at = None,
            None => {}
        }
        self.hot && (self.usable() > 0 || self.is_needy(now))
    }

    /// When it is worth looking again without being told.
    pub(crate) fn next_look(&self, now: Instant) -> Option<Instant> {
        if self.paused {
            return None;
        }
        if self.usable() > 0 {
            return if self.hot { Some(now) } else { self.due_at };
        }
        if self.frozen || self.granted < self.max_parallelism {
            let at = self.denied_until.unwrap_or(now);
            return if self.hot { Some(at) } else { self.due_at.map(|due| due.max(at)) };
        }
        None
    }

    /// Whether work that is enqueued now would be started at once.
    pub(crate) fn is_ready(&self) -> bool {
        self.usable() > 0
    }
}
