//! What follows once the end of an attempt is known to be written: books, events, wake-ups.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::dispatcher::Event;
use super::ends::{End, Verdict, Writer, by_pool};
use super::shared::Shared;
use crate::hub::Hint;
use crate::store::Counters;
use crate::telemetry::{self, AttemptFields, PoolLog};

/// Counts and logs ends. `written`: whether the fence of one matched.
pub(crate) fn ended(shared: &Shared, ends: &[End], written: impl Fn(&End) -> bool) {
    shared.put_down(ends);
    let now = Instant::now();
    for (pool, ends) in by_pool(ends) {
        let counts = |end: &&End| written(end) && end.verdict.status().is_some();
        if ends.iter().any(|end| counts(&end)) {
            shared.count(pool, |counters| {
                ends.iter().filter(counts).for_each(|end| count(counters, end, end.took(now)));
            });
        }
        let log = shared.log(pool);
        for end in ends {
            if written(end) {
                tell(&log, end, end.took(now));
            } else {
                end.meter.fenced();
                telemetry::fenced(end.id, end.attempt);
            }
        }
    }
}

fn count(counters: &mut Counters, end: &End, duration: Duration) {
    match &end.verdict {
        Verdict::Success(_) => counters.succeeded += 1,
        Verdict::Failed(_) => counters.failed += 1,
        Verdict::Retry(..) => counters.retries += 1,
        Verdict::Canceled(_) => counters.stopped += 1,
        Verdict::Release => {}
    }
    counters.lag.count(end.lag_ms.max(0).saturating_mul(1000));
    counters.duration.count(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX));
}

fn tell(log: &PoolLog, end: &End, duration: Duration) {
    let Some(status) = end.verdict.status() else { return };
    end.meter.ended(status, duration);
    let fields = AttemptFields {
        work_id: end.id,
        pool: &end.pool,
        function: &end.function,
        attempt: end.attempt,
    };
    let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    telemetry::completed(log, fields, status, duration_ms);
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
