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
use super::dispatcher::Dispatcher;
use super::ends::End;
use super::pools::PoolState;
use super::shared::Shared;
use crate::store::{Ask, SqlResult, Turned, is_locked, is_refusal};

/// What was started together often ends together. So often in a row the others are let on before a
/// statement is sent for those that have ended; when nothing comes of that, they take longer.
const YIELDS: u32 = 16;

/// A turn that is under way.
pub(super) struct Turn {
    shared: Arc<Shared>,
    ends: Vec<End>,
    asks: Vec<Ask>,
    begun: Instant,
    beside: bool,
}

impl Drop for Turn {
    /// Who is cut off does not know what came of it.
    fn drop(&mut self) {
        self.leave_to_completer(true);
    }
}

impl Turn {
    pub(super) async fn send(self) -> (Self, SqlResult<Turned>) {
        let (shared, fence) = (&self.shared, self.ends.first().map_or(0, |end| end.fence));
        let ended: Vec<_> = self.ends.iter().filter_map(End::succeeded).collect();
        let turn = async |conn: &mut PgConnection| {
            let (store, worker, functions) = (shared.store(), shared.worker, &shared.functions);
            store.turn(conn, worker, &self.asks, functions, (fence, &ended), self.beside).await
        };
        // With the patience for locks that ends have: a row may be locked by somebody's cancel.
        let answer = shared.connections.ending.run(turn).await;
        (self, answer)
    }

    fn leave_to_completer(&mut self, resent: bool) {
        for end in self.ends.drain(..) {
            // The completer outlives this.
            let _ = self.shared.ends.send(End { resent, ..end });
        }
    }

    /// How many ends it writes of each pool, and for how many items it asks.
    fn pools(&self) -> HashMap<&Arc<str>, (i64, i64)> {
        let mut pools: HashMap<_, _> =
            self.asks.iter().map(|ask| (&ask.pool, (0, ask.items))).collect();
        for end in &self.ends {
            // Nothing is asked of a pool that is paused.
            pools.entry(&end.pool).or_insert((0, 0)).0 += 1;
        }
        pools
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
        if !self.pools.values().any(|pool| pool.ended > 0 && pool.claimable(now) > 0) {
            // Somebody paused it, or needs its slots: nothing is claimed into them now.
            self.give_ends_back();
            return Ok(false);
        }
        let (ends, others) = self.owed.drain(..).partition(|end: &End| end.fence == fence);
        self.owed = others;
        // Statements are of one fence number.
        self.give_ends_back();
        let free = self.pools.values().filter(|pool| pool.claimable(now) > 0);
        let asks = free.map(|pool| pool.ask(now)).collect();
        let (turn, answer) = self.send(ends, asks, false).send().await;
        self.over(turn, answer)?;
        self.turns_beside().await?;
        Ok(true)
    }

    /// A turn with those ends and asks, to be sent.
    pub(super) fn send(&mut self, ends: Vec<End>, asks: Vec<Ask>, beside: bool) -> Turn {
        let shared = Arc::clone(&self.shared);
        let turn = Turn { shared, ends, asks, begun: Instant::now(), beside };
        for (name, (ends, items)) in turn.pools() {
            if let Some(pool) = self.pools.get_mut(name) {
                pool.ended -= ends;
                pool.beside.sent(ends, items);
            }
        }
        turn
    }

    /// Takes in what came of it.
    pub(super) fn over(&mut self, mut turn: Turn, answer: SqlResult<Turned>) -> SqlResult<()> {
        for (name, (ends, items)) in turn.pools() {
            if let Some(pool) = self.pools.get_mut(name) {
                pool.beside.over(ends, items);
            }
        }
        match answer {
            Ok(turned) => {
                self.book(std::mem::take(&mut turn.ends), &turned.ended);
                let note = if turn.beside { PoolState::claimed_beside } else { PoolState::claimed };
                self.look_ahead(&turn, &turned.ahead);
                self.start_all(&turn.asks, turned.claimed, turn.begun, note);
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

    /// Takes in where turns may follow that are beside one another.
    fn look_ahead(&mut self, turn: &Turn, found: &[String]) {
        for ask in turn.asks.iter().filter(|ask| ask.ahead > 0 && !turn.beside) {
            let enough = found.iter().any(|name| **name == *ask.pool);
            if let Some(pool) = self.pools.get_mut(&ask.pool) {
                pool.beside.looked(enough.then_some(ask.ahead - ask.items), turn.begun);
            }
        }
    }

    fn book(&mut self, ends: Vec<End>, written: &[Uuid]) {
        let mut pools = HashMap::new();
        for end in ends {
            after::ended(&self.shared, &end, written.contains(&end.id));
            *pools.entry(end.pool).or_insert(0) += 1;
        }
        for (name, items) in pools {
            if let Some(pool) = self.pools.get_mut(&name) {
                pool.running -= items;
            }
            after::changed_soon(&self.shared, &name);
        }
    }

    /// Leaves to the completer what was left to this.
    pub(super) fn give_ends_back(&mut self) {
        for end in self.owed.drain(..) {
            if let Some(pool) = self.pools.get_mut(&end.pool) {
                pool.ended -= 1;
            }
            // The completer outlives this.
            let _ = self.shared.ends.send(end);
        }
    }
}
