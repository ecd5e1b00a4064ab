//! Turns of a pool beside one another: two at a time, each with half of the slots, so that the
//! database writes one while this process runs what another has claimed.
//!
//! They share the lock on the slots, and so cannot write how far they have claimed. They follow a turn that was
//! alone, which has marked further items than its own as claimed; and soon one is alone again, so
//! that whoever wants to change the slots does not wait for ever.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::time::Instant;

use super::dispatcher::Dispatcher;
use super::ends::End;
use super::pools::PoolState;
use super::turn::Turn;
use crate::store::SqlResult;

/// So many at a time.
const LANES: usize = 2;
/// After so long no further one is sent before all are over.
const SPELL: Duration = Duration::from_millis(50);
/// How long not to look for further items after there were too few.
pub(super) const FEW: Duration = Duration::from_millis(200);

/// What a pool knows of its turns that are under way, and of those that may follow.
#[derive(Debug, Default)]
pub(crate) struct Beside {
    /// So many items may be claimed by turns beside one another.
    ahead: i64,
    /// There were too few: not to look again before that.
    few_until: Option<Instant>,
    /// Slots that those under way may fill beyond those of what they end.
    filling: i64,
    /// Ends that they write.
    ending: i64,
}

impl Beside {
    pub(crate) const fn filling(&self) -> i64 {
        self.filling
    }

    pub(crate) const fn ending(&self) -> i64 {
        self.ending
    }

    pub(crate) const fn allows(&self, items: i64) -> bool {
        items > 0 && items <= self.ahead
    }

    /// Whether it is worth looking how many items may be claimed so.
    pub(crate) fn may_look(&self, now: Instant) -> bool {
        self.few_until.is_none_or(|until| now >= until)
    }

    /// Takes in that look: none, if there are too few.
    pub(crate) fn looked(&mut self, ahead: Option<i64>, now: Instant) {
        self.ahead = ahead.unwrap_or(0);
        self.few_until = ahead.is_none().then(|| now + FEW);
    }

    /// There are fewer than it seemed.
    pub(crate) const fn fell_short(&mut self) {
        self.ahead = 0;
    }

    /// A turn is sent, which writes so many ends and claims up to so many items.
    pub(crate) fn sent(&mut self, ends: i64, items: i64) {
        self.ahead -= items;
        self.ending += ends;
        self.filling += (items - ends).max(0);
    }

    /// It is over.
    pub(crate) fn over(&mut self, ends: i64, items: i64) {
        self.ending -= ends;
        self.filling -= (items - ends).max(0);
    }
}

impl Dispatcher {
    /// Goes on with turns beside one another for a while, until there is something else to do. None
    /// is under way when it returns.
    pub(super) async fn turns_beside(&mut self) -> SqlResult<()> {
        let until = Instant::now() + SPELL;
        let mut turns = FuturesUnordered::new();
        let (mut stop, mut failure) = (false, None);
        loop {
            self.drain();
            stop |= failure.is_some() || self.has_else_to_do(until);
            let next = if stop || turns.len() == LANES { None } else { self.next_beside().await };
            // What has ended and cannot go on so waits for a turn that is alone.
            stop |= next.is_none() && turns.len() < LANES && !self.owed.is_empty();
            let over = if let Some(turn) = next {
                turns.push(turn.send());
                // That sends it.
                turns.next().now_or_never().flatten()
            } else if turns.is_empty() {
                return failure.map_or(Ok(()), Err);
            } else {
                tokio::select! {
                    over = turns.next() => over,
                    Some(event) = self.events.recv(), if !stop => {
                        self.take_in(event);
                        None
                    }
                }
            };
            if let Some((turn, answer)) = over {
                failure = failure.or(self.over(turn, answer).err());
            }
        }
    }

    fn has_else_to_do(&self, until: Instant) -> bool {
        let now = Instant::now();
        let calls = |pool: &PoolState| {
            (pool.ended == 0 && pool.claimable(now) > 0)
                || pool.is_needy(now)
                || pool.surplus().is_some()
                || (now >= self.peek_at && pool.wants_look(now))
        };
        let at = until.min(self.poll_at).min(self.reconcile_at);
        now >= self.probe_at.map_or(at, |probe_at| at.min(probe_at))
            || self.is_over()
            || !self.shared.lease.is_valid()
            || self.pools.values().any(calls)
    }

    /// The next turn that may be sent beside others, with up to half of the slots of each pool.
    async fn next_beside(&mut self) -> Option<Turn> {
        self.let_others_end().await;
        let (fence, now) = (self.owed.first()?.fence, Instant::now());
        let mut ends: HashMap<Arc<str>, i64> = HashMap::new();
        for end in self.owed.iter().filter(|end| end.fence == fence) {
            *ends.entry(Arc::clone(&end.pool)).or_insert(0) += 1;
        }
        let mut asks = Vec::new();
        for (name, ends) in &mut ends {
            let (ask, most) = self.pools.get(name)?.ask_beside(*ends, now)?;
            *ends = most;
            asks.push(ask);
        }
        let mut goes = |end: &mut End| {
            let room = ends.get_mut(&end.pool).filter(|room| end.fence == fence && **room > 0);
            room.map(|room| *room -= 1).is_some()
        };
        let ends = self.owed.extract_if(.., |end| goes(end)).collect();
        Some(self.send(ends, asks, true))
    }
}
