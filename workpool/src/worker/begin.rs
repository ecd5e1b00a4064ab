//! Starts what a claim has brought. Where there are slots for more, many items are read and started
//! beside the next claim: the server works at that meanwhile.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::bounds::Walk;
use super::dispatcher::Dispatcher;
use super::shared::Shared;
use super::{executor, starter};
use crate::failpoint;
use crate::meter;
use crate::store::{Ask, Claimed, SqlResult, Unread};

/// To begin fewer takes no longer than to leave them to another task.
pub(super) const MANY: usize = 64;

/// What a claim has brought of one pool, while it is read and started.
pub(super) struct Beginning {
    pool: Arc<str>,
    items: i64,
    /// An error: it could not be read.
    task: JoinHandle<SqlResult<()>>,
}

/// Starts items of one pool in this order.
pub(super) fn start(shared: &Arc<Shared>, pool: &Arc<str>, rows: Vec<Claimed>) {
    shared.meter.claimed(pool, i64::try_from(rows.len()).unwrap_or(i64::MAX));
    starter::start_all(shared, executor::take_all(shared, rows, pool));
}

impl Dispatcher {
    /// Takes in the answer to a claim of many items, and starts them.
    pub(super) fn begin(
        &mut self,
        ask: &Ask,
        claimed: Unread,
        (sent, took): (Instant, Duration),
    ) -> SqlResult<()> {
        let items = i64::try_from(claimed.items()).unwrap_or(i64::MAX);
        let (last, full) = (claimed.last()?, items >= ask.items);
        let walk = Walk { since: ask.since, took, last, full };
        let Some(pool) = self.pools.get_mut(&ask.pool) else { return Ok(()) };
        pool.claimed(items, &walk, ask.asleep, sent);
        // What has ended meanwhile leaves slots.
        self.drain();
        let claims = self.pools.get(&ask.pool).is_some_and(|p| p.claimable(Instant::now()) > 0);
        let (shared, pool) = (Arc::clone(&self.shared), Arc::clone(&ask.pool));
        let begin = move || claimed.read().map(|rows| start(&shared, &pool, rows));
        if !claims {
            return self.taken_in(&ask.pool, items, begin());
        }
        let task = self.shared.attempts.spawn(async move {
            failpoint::pass(failpoint::BEGIN).await;
            begin()
        });
        self.beginning = Some(Beginning { pool: Arc::clone(&ask.pool), items, task });
        Ok(())
    }

    /// Waits until what was claimed before has been started: whatever is not in hand then is not known.
    pub(super) async fn begun(&mut self) -> SqlResult<()> {
        let Some(Beginning { pool, items, task }) = self.beginning.take() else { return Ok(()) };
        let begun = task.await.unwrap_or_else(|error| match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime ends.
            Err(_) => Ok(()),
        });
        self.taken_in(&pool, items, begun)
    }

    /// What could not be read does not run.
    fn taken_in(&mut self, pool: &str, items: i64, begun: SqlResult<()>) -> SqlResult<()> {
        if begun.is_err()
            && let Some(pool) = self.pools.get_mut(pool)
        {
            pool.running -= items;
        }
        begun.inspect_err(meter::failed)
    }
}
