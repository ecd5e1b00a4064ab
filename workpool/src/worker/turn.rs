//! Ends attempts and claims into the slots that they leave, in one statement: for pools that have
//! more to do than slots, where each commit saved counts.
//!
//! What cannot be written this way goes back to the completer, which writes everything in the end.

use std::collections::HashMap;
use std::sync::Arc;

use sqlx::postgres::PgConnection;
use tokio::time::Instant;
use uuid::Uuid;

use super::after;
use super::beside::MANY;
use super::dispatcher::Dispatcher;
use super::ends::{End, Matched, Writer, by_pool};
use super::pools::PoolState;
use super::shared::Shared;
use crate::store::{Ask, SqlResult, Turned, is_locked, is_refusal};

/// What was started together often ends together. So often in a row the others are let on before a
/// statement is sent for those that have ended; when nothing comes of that, they take longer.
const YIELDS: u32 = 16;

/// A turn that is under way.
pub(super) struct Turn {
    pub(super) shared: Arc<Shared>,
    pub(super) ends: Vec<End>,
    pub(super) asks: Vec<Ask>,
    begun: Instant,
    way: Way,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// In one statement.
    Together,
    /// In one that claims what an earlier one has marked.
    Marked,
    /// In two at the same time.
    Beside,
}

impl Drop for Turn {
    /// Who is cut off does not know what came of it.
    fn drop(&mut self) {
        self.leave_to_completer(true);
    }
}

impl Turn {
    async fn send(&self) -> SqlResult<Turned> {
        let (shared, fence) = (&self.shared, self.fence());
        let ended: Vec<_> = self.ends.iter().filter_map(End::succeeded).collect();
        let turn = async |conn: &mut PgConnection| {
            let (store, worker, functions) = (shared.store(), shared.worker, &shared.functions);
            let ended = (fence, &ended[..]);
            match &self.asks[..] {
                [ask] if self.way == Way::Marked => {
                    store.next_turn(conn, worker, ask, functions, ended).await
                }
                asks => store.turn(conn, worker, asks, functions, ended).await,
            }
        };
        // With the patience for locks that ends have: a row may be locked by somebody's cancel.
        shared.connections.ending.run(turn).await
    }

    /// That of all its ends.
    pub(super) fn fence(&self) -> i32 {
        self.ends.first().map_or(0, |end| end.fence)
    }

    fn leave_to_completer(&mut self, resent: bool) {
        for end in self.ends.drain(..) {
            // The completer outlives this.
            let _ = self.shared.ends.send(End { resent, ..end });
        }
    }
}

impl Dispatcher {
    /// Lets what still runs in the pools of ends that wait here end too.
    pub(super) async fn let_others_end(&mut self) {
        let (mut known, mut left) = (self.owed.len(), YIELDS);
        while left > 0 && self.pools.values().any(PoolState::ends_more) {
            tokio::task::yield_now().await;
            self.drain();
            left = if self.owed.len() > known { YIELDS } else { left - 1 };
            known = self.owed.len();
        }
    }

    /// False: there is nothing to write.
    pub(super) async fn turn(&mut self) -> SqlResult<bool> {
        let Some(fence) = self.owed.first().map(|end| end.fence) else { return Ok(false) };
        let now = Instant::now();
        // Statements are of one fence number.
        self.give_ends_back(|end| end.fence != fence);
        let beside = self.is_large(now);
        if !beside {
            self.give_ends_back(|end| end.step().writer() > Writer::Claim);
        }
        if !self.pools.values().any(|pool| pool.ended > 0 && pool.claimable(now) > 0) {
            // Somebody paused it, or needs its slots: nothing is claimed into them now.
            self.give_ends_back(|_| true);
            return Ok(false);
        }
        let ends = std::mem::take(&mut self.owed);
        let free: Vec<_> = self.pools.values().filter(|pool| pool.claimable(now) > 0).collect();
        let (way, asks) = match free[..] {
            [pool] if beside => (Way::Beside, vec![pool.ask(now)]),
            [pool] if pool.goes_on(now) => (Way::Marked, vec![pool.ask(now)]),
            [pool] => (Way::Together, vec![pool.ask_ahead(now)]),
            _ => (Way::Together, free.iter().map(|pool| pool.ask(now)).collect()),
        };
        let shared = Arc::clone(&self.shared);
        let mut turn = Turn { shared, ends, asks, begun: now, way };
        let (answer, claim) = match way {
            Way::Beside => turn.send_beside(&mut self.beside).await,
            Way::Together | Way::Marked => (turn.send().await, Ok(())),
        };
        if claim.is_err() {
            // What it claimed is not known; what has ended has ended.
            turn.asks.clear();
        }
        self.over(turn, answer)?;
        claim.map(|()| true)
    }

    /// Whether it is worth a claim beside the statement for its ends: a claim of one pool.
    fn is_large(&self, now: Instant) -> bool {
        let mut free = self.pools.values().filter(|pool| pool.claimable(now) > 0);
        let one = free.next().is_some() && free.next().is_none();
        one && self.owed.len() >= usize::from(MANY) && self.beside.is_near(now)
    }

    /// Takes in what came of it.
    fn over(&mut self, mut turn: Turn, answer: SqlResult<Turned>) -> SqlResult<()> {
        let mut ended = HashMap::new();
        for (pool, ends) in by_pool(&turn.ends) {
            *ended.entry(Arc::clone(pool)).or_insert(0) +=
                i64::try_from(ends.len()).unwrap_or(i64::MAX);
        }
        for (name, items) in &ended {
            if let Some(pool) = self.pools.get_mut(name) {
                pool.ended -= items;
            }
        }
        match answer {
            Ok(turned) => {
                for (name, items) in &ended {
                    if let Some(pool) = self.pools.get_mut(name) {
                        pool.running -= items;
                    }
                }
                self.look_ahead(&turn, turned.marked);
                let marked = turn.way == Way::Marked;
                let note = if marked { PoolState::claimed_marked } else { PoolState::claimed };
                let time = (turn.begun, turn.begun.elapsed());
                self.start_all(&turn.asks, turned.claimed, time, note);
                // What is started need not wait for the books of what has ended.
                self.book(&std::mem::take(&mut turn.ends), &turned.ended, ended.into_keys());
                Ok(())
            }
            Err(error) if is_locked(&error) || is_refusal(&error) => {
                turn.leave_to_completer(false);
                // Perhaps it is a pool that somebody holds.
                self.probe_at.get_or_insert_with(Instant::now);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Takes in how far turns may follow that claim what is marked. One pool at a time looks ahead.
    fn look_ahead(&mut self, turn: &Turn, marked: bool) {
        let [ask] = &turn.asks[..] else { return };
        let Some(pool) = self.pools.get_mut(&ask.pool) else { return };
        if ask.ahead > 0 {
            pool.ahead.looked(marked.then_some(ask.ahead - ask.items), turn.begun);
        } else if turn.way == Way::Beside {
            // Some of what was marked, or all.
            pool.ahead.fell_short();
        }
    }

    fn book(&self, ends: &[End], written: &[Uuid], pools: impl Iterator<Item = Arc<str>>) {
        let matched = Matched::of(written, ends.len());
        after::ended(&self.shared, ends, |end| matched.has(end));
        for name in pools {
            after::changed_soon(&self.shared, &name);
        }
    }

    /// Leaves to the completer what was left to this.
    pub(super) fn give_ends_back(&mut self, which: impl FnMut(&mut End) -> bool) {
        for end in self.owed.extract_if(.., which) {
            if let Some(pool) = self.pools.get_mut(&end.pool) {
                pool.ended -= 1;
            }
            // The completer outlives this.
            let _ = self.shared.ends.send(end);
        }
    }
}
