//! What the dispatcher asks the database for: what is due, and claims of it. What a claim brings is
//! started in its order.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgConnection;
use tokio::time::Instant;

use super::dispatcher::Dispatcher;
use super::executor;
use super::pools::PoolState;
use crate::store::{Ask, Claimed, SqlResult};

/// Between two looks at what is due next.
const SOON: Duration = Duration::from_millis(5);

/// What was asked of one pool.
pub(super) struct Asked {
    pool: Arc<str>,
    items: i64,
    asleep: bool,
}

impl Asked {
    pub(super) fn of(asks: &[Ask<'_>], pools: &HashMap<Arc<str>, PoolState>) -> Vec<Self> {
        let asked = |ask: &Ask<'_>| {
            let (pool, _) = pools.get_key_value(ask.pool)?;
            Some(Self { pool: Arc::clone(pool), items: ask.items, asleep: ask.asleep })
        };
        asks.iter().filter_map(asked).collect()
    }
}

impl Dispatcher {
    /// Claims for all pools that may have work and have free slots. False: there are none.
    pub(super) async fn claim(&mut self) -> SqlResult<bool> {
        let now = Instant::now();
        // The slots of what is still to be written are not free yet.
        let free = |pool: &&PoolState| pool.ended == 0 && pool.claimable(now) > 0;
        let asks: Vec<_> = self.pools.values().filter(free).map(|pool| pool.ask(now)).collect();
        if asks.is_empty() {
            return Ok(false);
        }
        let asked = Asked::of(&asks, &self.pools);
        let (store, worker) = (self.shared.store(), self.shared.worker);
        let claim = async |conn: &mut PgConnection| {
            store.claim(conn, worker, &asks, &self.shared.functions).await
        };
        let claimed = self.shared.control(claim).await?;
        self.start_all(asked, claimed, now);
        Ok(true)
    }

    /// Takes in the answer to a claim, and starts what it claimed.
    pub(super) fn start_all(&mut self, asked: Vec<Asked>, claimed: Vec<Claimed>, now: Instant) {
        let mut found: HashMap<Arc<str>, Vec<Claimed>> = HashMap::new();
        for row in claimed {
            match found.get_mut(&*row.pool) {
                Some(rows) => rows.push(row),
                None => drop(found.insert(row.pool.as_str().into(), vec![row])),
            }
        }
        for Asked { pool, items, asleep } in asked {
            let rows = found.remove(&pool).unwrap_or_default();
            self.start(&pool, rows, items, asleep, now);
        }
    }

    /// Starts what was claimed of one pool, in order.
    fn start(
        &mut self,
        name: &Arc<str>,
        rows: Vec<Claimed>,
        asked: i64,
        asleep: bool,
        now: Instant,
    ) {
        let Some(pool) = self.pools.get_mut(name) else { return };
        let last = rows.last().map(|row| row.run_at);
        let found = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        pool.claimed(found, asked, last, asleep, now);
        self.shared.meter.claimed(name, found);
        for row in rows {
            executor::start(&self.shared, row, Arc::clone(name));
        }
    }

    /// Asks the pools that want it, and now and then all, what is due. True: there is something to
    /// do.
    pub(super) async fn peek(&mut self) -> SqlResult<bool> {
        let now = Instant::now();
        let all = now >= self.poll_at;
        let asked = self.pools.values().filter(|pool| all || pool.wants_look(now));
        let names: Vec<_> = asked.map(|pool| Arc::clone(&pool.name)).collect();
        let asked: Vec<_> = names.iter().map(|name| &**name).collect();
        let store = self.shared.store();
        let due =
            async |conn: &mut PgConnection| store.due(conn, &asked, &self.shared.functions).await;
        let due = self.shared.control(due).await?;
        let due: HashMap<_, _> = due.into_iter().collect();
        let now = Instant::now();
        self.peek_at = now + SOON;
        if all {
            self.poll_at = now + self.shared.patience(self.shared.settings.poll);
        }
        let mut any = false;
        for name in &names {
            if let Some(pool) = self.pools.get_mut(name) {
                any |= pool.peeked(due.get(&**name), now);
            }
        }
        Ok(any)
    }
}
