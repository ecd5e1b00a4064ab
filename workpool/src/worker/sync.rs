//! Once in a while, and when somebody says so: reads the state of all pools and which running
//! items were canceled, and writes down what was counted.

use std::collections::HashSet;
use std::sync::Arc;

use sqlx::postgres::PgConnection;
use tokio::time::{Instant, sleep, sleep_until};

use super::dispatcher::Event;
use super::shared::Shared;
use crate::hub::{Hint, Topic, forget, next_hint};
use crate::store::SqlResult;
use crate::telemetry::LogLevel;

/// Runs until the attempts have ended.
pub(crate) async fn run(shared: Arc<Shared>, done: tokio_util::sync::CancellationToken) {
    let mut backoff = shared.backoff("sync");
    let mut hints = shared.workpool.hub().subscribe(Topic::Signal);
    loop {
        forget(&mut hints);
        let begun = Instant::now();
        let pause = match sync(&shared).await {
            Ok(()) => {
                backoff.succeeded();
                shared.patience(shared.settings.sync)
            }
            Err(error) => backoff.failed(&error),
        };
        let told =
            async { while !matches!(next_hint(&mut hints).await, Hint::Any | Hint::Signal) {} };
        let due = async {
            tokio::select! {
                () = sleep(pause) => {}
                // There is something to do again, so no later than usual.
                () = shared.stirred.notified() => sleep_until(begun + shared.settings.sync).await,
            }
        };
        tokio::select! {
            () = due => {}
            () = told => {}
            () = shared.sync_now.notified() => {}
            () = done.cancelled() => break,
        }
    }
    // The last counts; what cannot be written now is lost, as the docs say.
    let _ = flush(&shared).await;
    shared.meter.over();
}

async fn sync(shared: &Shared) -> SqlResult<()> {
    let (store, worker) = (shared.store(), shared.worker);
    let mut pools = shared.control(async |conn| store.sync(conn, worker).await).await?;
    pools.retain(|row| shared.settings.serves(&row.pool));
    let new: Vec<_> =
        pools.iter().filter(|row| row.granted.is_none()).map(|row| &*row.pool).collect();
    if !new.is_empty() {
        shared.control(async |conn| store.register_slots(conn, worker, &new).await).await?;
    }
    shared.meter.synced(&pools);
    let mut watched = HashSet::new();
    for row in &pools {
        let pool: Arc<str> = row.pool.as_str().into();
        shared.log(&pool).set(LogLevel::parse(&row.log_level));
        if row.watched {
            watched.insert(pool);
        }
    }
    shared.set_watched(watched);
    // The dispatcher may have stopped: it wants to know nothing then.
    let _ = shared.events.send(Event::Synced(pools));
    let running = shared.in_hand();
    if !running.is_empty() {
        let canceled = async |conn: &mut PgConnection| store.cancels(conn, worker, &running).await;
        for (id, _) in shared.control(canceled).await? {
            shared.cancel(id);
        }
    }
    flush(shared).await
}

async fn flush(shared: &Shared) -> SqlResult<()> {
    let counters = shared.take_counters();
    if counters.is_empty() {
        return Ok(());
    }
    let store = shared.store();
    let written = shared.control(async |conn| store.add_stats(conn, &counters).await).await;
    if written.is_err() {
        shared.put_counters_back(counters);
    }
    written
}
