//! What follows once the end of an attempt is known to be written: books, events, wake-ups.

use std::sync::Arc;
use std::time::Duration;

use super::dispatcher::Event;
use super::ends::{End, Verdict, Writer};
use super::shared::Shared;
use crate::hub::Hint;
use crate::telemetry::{self, AttemptFields};

/// Counts and logs one end. `written`: its fence matched.
pub(crate) fn ended(shared: &Shared, end: &End, written: bool) {
    shared.put_down(end.id, end.fence);
    if !written {
        end.meter.fenced();
        return telemetry::fenced(end.id, end.attempt);
    }
    let Some(status) = end.verdict.status() else { return };
    let duration = end.started.elapsed();
    shared.count(&end.pool, |counters| {
        match &end.verdict {
            Verdict::Success(_) => counters.succeeded += 1,
            Verdict::Failed(_) => counters.failed += 1,
            Verdict::Retry(..) => counters.retries += 1,
            Verdict::Canceled(_) => counters.stopped += 1,
            Verdict::Release => {}
        }
        counters.lag.count(end.lag_ms.max(0).saturating_mul(1000));
        counters.duration.count(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX));
    });
    let fields = AttemptFields {
        work_id: end.id,
        pool: &end.pool,
        function: &end.function,
        attempt: end.attempt,
    };
    end.meter.ended(status, duration);
    let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    telemetry::completed(&shared.log(&end.pool), fields, status, duration_ms);
}

/// Gives slots back to the dispatcher, and tells whoever watches the pool. `again`: after this time
/// the first of the items that are tried again is due. `writer`: who can write such ends.
pub(crate) async fn freed(
    shared: &Shared,
    pool: &Arc<str>,
    (items, again): (i64, Option<Duration>),
    writer: Writer,
) {
    // The dispatcher may have ended already: it needs no slots then.
    let _ = shared.events.send(Event::Freed { pool: Arc::clone(pool), items, again, writer });
    changed(shared, pool).await;
}

/// Tells whoever watches a pool that something in it has moved on.
pub(crate) async fn changed(shared: &Shared, pool: &Arc<str>) {
    shared.workpool.hub().send(Hint::Change(Arc::clone(pool)));
    if shared.is_watched(pool) {
        // After the commit, never in it: transactions that notify commit one at a time. Only a
        // hint: watchers poll as well.
        let payload = Hint::change_payload(pool);
        let _ = shared.notify(&payload).await;
    }
}

/// The same for one who does not wait for it.
pub(crate) fn changed_soon(shared: &Arc<Shared>, pool: &Arc<str>) {
    if !shared.is_watched(pool) {
        return shared.workpool.hub().send(Hint::Change(Arc::clone(pool)));
    }
    let (told, pool) = (Arc::clone(shared), Arc::clone(pool));
    shared.attempts.spawn(async move { changed(&told, &pool).await });
}
