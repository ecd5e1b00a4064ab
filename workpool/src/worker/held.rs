//! Pools of which somebody's transaction holds a row that claims need: one that pauses or resizes and
//! is not over. Nothing is asked there meanwhile, so that the other pools do not wait for it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::dispatcher::Dispatcher;
use super::pools::PoolState;
use crate::store::SqlResult;

/// Between looks whether they are free again.
const PROBE: Duration = Duration::from_millis(500);

/// The pools that somebody holds.
pub(super) fn held(pools: &HashMap<Arc<str>, PoolState>) -> Vec<&str> {
    pools.values().filter(|pool| pool.is_held()).map(|pool| &*pool.name).collect()
}

impl Dispatcher {
    /// Finds out which these are, if a statement has waited in vain, until there are none.
    pub(super) async fn probe(&mut self) -> SqlResult<()> {
        if self.probe_at.is_none_or(|at| Instant::now() < at) {
            return Ok(());
        }
        let (store, worker) = (self.shared.store(), self.shared.worker);
        let free = self.shared.control(async |conn| store.free_pools(conn, worker).await).await?;
        let free: HashSet<_> = free.iter().map(String::as_str).collect();
        for pool in self.pools.values_mut() {
            let held = !free.contains(&*pool.name);
            // Looks for lost claims have left it out.
            self.uncertain |= pool.is_held() && !held;
            pool.holds(held);
        }
        let any = self.pools.values().any(PoolState::is_held);
        self.probe_at = any.then(|| Instant::now() + PROBE);
        Ok(())
    }
}
