//! Runs callbacks: those of work that ended here at once, others as they become due. With a limit
//! of their own, so that they neither take slots from pools nor wait for them.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::dispatcher::{RECONCILE, RECONCILE_AGAIN};
use super::group::{MOST, Others};
use super::guard;
use super::inbox::{Inbox, parted};
use super::job::Job;
use super::shared::Shared;
use super::transaction::{self, Done, Tried};
use crate::failure::{Advice, Failure, FailureKind};
use crate::hub::{Hint, Topic, forget, next_hint};
use crate::registry::Handler;
use crate::retry::RetryPolicy;
use crate::store::{RawCallback, SqlResult};
use crate::telemetry;
use crate::trace;
use sqlx::postgres::PgConnection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span};

/// Callbacks in hand beyond which further ones are left to whoever has room.
const IN_HAND: usize = 1000;

/// Between looks while there are more than there are places, and while one is locked.
const AGAIN: Duration = Duration::from_millis(2);
const LOCKED: Duration = Duration::from_millis(50);

/// The callbacks that a statement which ends work may claim for this worker.
pub(crate) fn at_once(shared: &Shared, resent: bool) -> &[&'static str] {
    let room = room(shared);
    // After a lost answer we would not know what we had claimed.
    if room > 0 && !resent && !shared.stop.is_cancelled() { &shared.callback_names } else { &[] }
}

/// How many more may be in hand.
fn room(shared: &Shared) -> usize {
    IN_HAND.saturating_sub(shared.callbacks_in_hand().len())
}

/// Takes over a callback that the end of its work claimed for this worker.
pub(crate) fn hand_over(shared: &Shared, callback: RawCallback) {
    shared.callbacks_in_hand().insert(callback.id);
    // When the worker has ended meanwhile, its last step hands it back.
    let _ = shared.callbacks.send(callback);
}

/// Runs until the worker stops and its attempts have ended.
pub(crate) async fn run(
    shared: Arc<Shared>,
    inbox: mpsc::UnboundedReceiver<RawCallback>,
    done: CancellationToken,
) {
    let mut inbox = Inbox::new(inbox);
    let permits = Arc::new(Semaphore::new(shared.settings.callbacks as usize));
    // Also those that are no callbacks: a row that names one is parked, not left for ever.
    let known = [shared.registry.names(true), shared.registry.names(false)].concat();
    let parts = known.iter().copied().partition(|name| shared.grouped.contains(name));
    let known = Known { all: known, parts };
    let mut hints = shared.workpool.hub().subscribe(Topic::Signal);
    let mut backoff = shared.backoff("callbacks");
    let mut look_at = Instant::now();
    let mut reconcile_at = Instant::now() + RECONCILE;
    loop {
        // A place first: then whatever comes, from here or from the table, can start.
        let permit = tokio::select! {
            () = done.cancelled() => break,
            permit = Arc::clone(&permits).acquire_owned() => permit.expect("it is never closed"),
        };
        let looks = !known.all.is_empty() && !shared.stop.is_cancelled();
        // Not while the table is due: rows in it would wait for ever behind what ends here.
        let takes = !looks || Instant::now() < look_at || room(&shared) == 0;
        tokio::select! {
            () = done.cancelled() => break,
            Some(callbacks) = inbox.next(&shared), if takes => {
                start(&shared, callbacks, permit);
            }
            hint = next_hint(&mut hints) => {
                if matches!(hint, Hint::Any | Hint::Signal) {
                    forget(&mut hints);
                    look_at = Instant::now();
                }
            }
            () = sleep_until(look_at), if looks => {
                drop(permit);
                let wait = match look(&shared, &permits, &known, &mut reconcile_at).await {
                    Ok(wait) => {
                        backoff.succeeded();
                        wait
                    }
                    Err(error) => {
                        shared.callbacks_uncertain.store(true, Ordering::Release);
                        backoff.failed(&error)
                    }
                };
                look_at = Instant::now() + wait;
            }
        }
    }
    // What is still running holds a permit.
    let all = shared.settings.callbacks;
    let _ = permits.acquire_many(all).await;
}

/// The callbacks that are looked for.
struct Known {
    all: Vec<&'static str>,
    /// Those that share transactions, and those that do not.
    parts: (Vec<&'static str>, Vec<&'static str>),
}

/// Claims due callbacks into free places; says when to look again.
async fn look(
    shared: &Arc<Shared>,
    permits: &Arc<Semaphore>,
    known: &Known,
    reconcile_at: &mut Instant,
) -> SqlResult<Duration> {
    let (free, room) = (permits.available_permits(), room(shared));
    if free == 0 || room == 0 {
        return Ok(AGAIN);
    }
    let limit = i64::try_from(free.min(room)).unwrap_or(i64::MAX);
    let (store, worker) = (shared.store(), shared.worker);
    let uncertain = shared.callbacks_uncertain.swap(false, Ordering::AcqRel);
    if uncertain || Instant::now() >= *reconcile_at {
        // What is marked as ours and that we do not know: again a little later, since the server
        // may run a statement after the client has given it up, and now and then in any case. A
        // callback that is being handed over just now may be among it: then its fence lets only one
        // of two runs take effect.
        let in_hand: Vec<_> = shared.callbacks_in_hand().iter().copied().collect();
        shared.control(async |conn| store.release_callbacks(conn, worker, &in_hand).await).await?;
        let pause = if uncertain { RECONCILE_AGAIN } else { RECONCILE };
        *reconcile_at = Instant::now() + pause;
    }
    let next = next_due(shared, &known.all).await?;
    if !next.is_zero() {
        return Ok(next);
    }
    // Of those that share transactions, as many as these have room for; it may turn out that they do not.
    let many = i64::try_from(free.saturating_mul(MOST).min(room)).unwrap_or(i64::MAX);
    let (grouped, others) = &known.parts;
    let mut transactions = 0;
    for (names, limit) in [(grouped, many), (others, limit)] {
        if !names.is_empty() {
            let claim = async |conn: &mut PgConnection| {
                store.claim_callbacks(conn, worker, names, limit).await
            };
            // At once: nobody would have them if the next claim failed.
            transactions += start_all(shared, permits, shared.control(claim).await?);
        }
    }
    let (none, full) = (transactions == 0, transactions >= free);
    if full {
        return Ok(AGAIN);
    }
    // What is due and could not be claimed, somebody has locked.
    let next = next_due(shared, &known.all).await?;
    Ok(if none { next.max(LOCKED) } else { next })
}

/// Starts what was claimed, as far as there are places; the rest is next. In how many transactions.
fn start_all(shared: &Arc<Shared>, permits: &Arc<Semaphore>, claimed: Vec<RawCallback>) -> usize {
    shared.callbacks_in_hand().extend(claimed.iter().map(|callback| callback.id));
    let parts = parted(shared, claimed);
    let transactions = parts.len();
    for callbacks in parts {
        match Arc::clone(permits).try_acquire_owned() {
            Ok(permit) => start(shared, callbacks, permit),
            Err(_) => callbacks.into_iter().for_each(|callback| hand_over(shared, callback)),
        }
    }
    transactions
}

/// How long until the next look: zero, when something is due.
async fn next_due(shared: &Shared, known: &[&str]) -> SqlResult<Duration> {
    let store = shared.store();
    let next = shared.control(async |conn| store.next_callback(conn, known).await).await?;
    let patience = shared.patience(shared.settings.poll);
    Ok(next.map_or(patience, |next| next.min(patience)))
}

/// The span that a callback runs in.
pub(crate) fn span(shared: &Shared, callback: &RawCallback) -> Span {
    let span = telemetry::callback_span(callback.id, &callback.callback, callback.attempt);
    trace::follow(&span, callback.trace.as_deref(), shared.settings.continue_traces);
    span
}

/// Starts a task for callbacks that share a transaction, or for one.
fn start(shared: &Arc<Shared>, callbacks: Vec<RawCallback>, permit: OwnedSemaphorePermit) {
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        let _permit = permit;
        let Some((first, others)) = callbacks.split_first() else { return };
        let run = guard::caught(execute(&shared, first, others));
        let run = run.instrument(span(&shared, first));
        // A panic that gets here came from a destructor; what it left marked as ours is released.
        let done = run.await.unwrap_or_else(|_| {
            shared.callbacks_uncertain.store(true, Ordering::Release);
            others.len()
        });
        for (place, callback) in callbacks.into_iter().enumerate() {
            if place <= done {
                shared.callbacks_in_hand().remove(&callback.id);
            } else {
                hand_over(&shared, callback);
            }
        }
    });
}

/// Runs one to its end, and others in its transaction. How many of these are done.
async fn execute(shared: &Arc<Shared>, callback: &RawCallback, others: &[RawCallback]) -> usize {
    let begun = std::time::Instant::now();
    let meter = shared.meter.callback(&callback.callback);
    let failure = match shared.handler(&callback.callback) {
        Some(Handler::OnComplete(run)) => {
            let company =
                if others.is_empty() { Others::Nobody } else { Others::Callbacks(others) };
            let job = Job::Callback(callback, run);
            match transaction::repeat(shared, job, None, company).await {
                Tried::Failed(failure) | Tried::Again(failure) => failure,
                Tried::Committed(Done { group, .. }) => {
                    meter.succeeded(begun.elapsed());
                    // Those that share a transaction are of one function.
                    for _ in &group.callbacks {
                        meter.succeeded(begun.elapsed());
                    }
                    return group.callbacks.len();
                }
                // It is done, or not ours any more.
                Tried::Superseded | Tried::Aborted | Tried::Unreachable(_) => return 0,
            }
        }
        _ => Failure::new(FailureKind::Invalid, "the registered function is no on_complete"),
    };
    let shown = failure.to_string();
    trace::failed(&shown);
    telemetry::callback_failed(callback.id, &callback.callback, callback.attempt, &shown);
    let delay = next_delay(&failure, callback.attempt.unsigned_abs());
    meter.failed(delay.is_none(), begun.elapsed());
    if delay.is_none() {
        telemetry::parked(callback.id, &callback.callback, &shown);
    }
    put_back(shared, callback, delay, &failure).await;
    0
}

/// When a failed callback is tried again; none: it is parked, to be read and replayed.
fn next_delay(failure: &Failure, attempt: u32) -> Option<Duration> {
    const POLICY: RetryPolicy = RetryPolicy::new()
        .max_attempts(12)
        .initial_backoff(Duration::from_millis(500))
        .max_backoff(Duration::from_mins(10));
    match failure.advice() {
        Advice::Stop => None,
        _ if attempt >= POLICY.max_attempts => None,
        Advice::After(delay) => Some(delay.min(Duration::from_hours(365 * 24))),
        Advice::Policy | Advice::RunAgain => Some(POLICY.random_delay(attempt)),
    }
}

async fn put_back(
    shared: &Shared,
    callback: &RawCallback,
    delay: Option<Duration>,
    failure: &Failure,
) {
    let key = (callback.id, callback.fence);
    let error = failure.clone().with_attempt(callback.attempt).to_json();
    let mut backoff = shared.backoff("callback to put back");
    while !shared.cut.is_cancelled() {
        let (store, worker) = (shared.store(), shared.worker);
        let put = async |conn: &mut PgConnection| {
            store.retry_callback(conn, worker, key, delay, &error).await
        };
        match shared.control(put).await {
            Ok(()) => {
                backoff.succeeded();
                // It may be due before the next look.
                return shared.workpool.hub().send(Hint::Signal);
            }
            Err(error) => tokio::time::sleep(backoff.failed(&error)).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callback_is_tried_with_backoff_and_parked_in_the_end() {
        let failure = Failure::from_error("no".into());
        assert!(next_delay(&failure, 1).is_some_and(|delay| delay < Duration::from_secs(1)));
        assert!(next_delay(&failure, 11).is_some());
        assert!(next_delay(&failure, 12).is_none());
        assert!(next_delay(&Failure::non_retryable("no"), 1).is_none());
    }
}
