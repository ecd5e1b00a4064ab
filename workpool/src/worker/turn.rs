//! Ends attempts and claims into the slots that they leave, in one statement: for pools that have
//! more to do than slots, where each commit saved counts.
//!
//! What cannot be written this way goes back to the completer, which writes everything in the end.

use std::collections::HashMap;

use sqlx::postgres::PgConnection;
use tokio::time::Instant;

use super::after;
use super::dispatcher::Dispatcher;
use super::ends::{End, Way};
use super::pools::PoolState;
use crate::store::{SqlResult, Turned, is_locked, is_refusal};

/// What was started together often ends together. So often in a row the others are let on before a
/// statement is sent for those that have ended; when nothing comes of that, they take longer.
const YIELDS: u32 = 16;

impl Dispatcher {
    /// Lets what still runs in the pools of ends that wait here end too.
    pub(super) async fn let_others_end(&mut self) {
        let (mut known, mut left) = (self.owed.len(), YIELDS);
        let running = |pool: &PoolState| pool.ended > 0 && pool.ended < pool.running;
        while left > 0 && self.pools.values().any(running) {
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
            self.give_ends_back(Way::Back);
            return Ok(false);
        }
        let (ends, others) = self.owed.drain(..).partition(|end: &End| end.fence == fence);
        self.owed = others;
        // Statements are of one fence number.
        self.give_ends_back(Way::Back);
        self.owed = ends;
        self.write_turn(fence, now).await
    }

    async fn write_turn(&mut self, fence: i32, now: Instant) -> SqlResult<bool> {
        let free = self.pools.values().filter(|pool| pool.claimable(now) > 0);
        let asks: Vec<_> = free.map(|pool| pool.ask(now)).collect();
        let ended: Vec<_> = self.owed.iter().filter_map(End::succeeded).collect();
        let (store, worker) = (self.shared.store(), self.shared.worker);
        let turn = async |conn: &mut PgConnection| {
            store.turn(conn, worker, &asks, &self.shared.functions, (fence, &ended)).await
        };
        // With the patience for locks that ends have: a row may be locked by somebody's cancel.
        match self.shared.connections.ending.run(turn).await {
            Ok(turned) => {
                self.book(&turned);
                self.start_all(&asks, turned.claimed, now);
                Ok(true)
            }
            Err(error) if is_locked(&error) || is_refusal(&error) => {
                self.give_ends_back(Way::Back);
                // Perhaps it is a pool that somebody holds.
                self.probe_at.get_or_insert_with(Instant::now);
                Ok(true)
            }
            Err(error) => {
                self.give_ends_back(Way::Unknown);
                Err(error)
            }
        }
    }

    fn book(&mut self, turned: &Turned) {
        let mut pools = HashMap::new();
        for end in std::mem::take(&mut self.owed) {
            after::ended(&self.shared, &end, turned.ended.contains(&end.id));
            *pools.entry(end.pool).or_insert(0) += 1;
        }
        for (name, items) in pools {
            if let Some(pool) = self.pools.get_mut(&name) {
                pool.running -= items;
                pool.ended -= items;
            }
            after::changed_soon(&self.shared, &name);
        }
    }

    /// Leaves to the completer what was left to this.
    pub(super) fn give_ends_back(&mut self, way: Way) {
        for end in self.owed.drain(..) {
            if let Some(pool) = self.pools.get_mut(&end.pool) {
                pool.ended -= 1;
            }
            // The completer outlives this.
            let _ = self.shared.ends.send(End { way, ..end });
        }
    }
}
