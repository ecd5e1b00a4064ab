//! Writes the ends of attempts, in batches that form by themselves: what arrives while one is
//! written makes the next. An end that cannot be written is kept and tried again for ever, and
//! does not keep others from being written.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::ends::{End, Matched, Sent, Step, Verdict, by_pool, send};
use super::shared::Shared;
use super::{after, callbacks};
use crate::BoxFuture;
use crate::failure::{Failure, FailureKind};
use crate::meter;
use crate::store::{is_locked, is_refusal};
use crate::telemetry;

/// The most ends of one statement.
const BATCH: usize = 1000;
/// How long what has ended may wait for others that end.
const LINGER: Duration = Duration::from_millis(2);
/// Between tries for a row that somebody keeps locked.
const LOCKED: Duration = Duration::from_millis(500);

/// Runs until no further ends come and everything is written.
pub(crate) async fn run(
    shared: Arc<Shared>,
    mut inbox: mpsc::UnboundedReceiver<End>,
    ended: CancellationToken,
) {
    let mut batch = Vec::new();
    loop {
        tokio::select! {
            // What has come is written first.
            biased;
            _ = inbox.recv_many(&mut batch, BATCH) => {
                if !shared.awaited.were() {
                    gather(&mut inbox, &mut batch).await;
                }
                // With room for as many as there were.
                let next = Vec::with_capacity(batch.len());
                write_all(&shared, std::mem::replace(&mut batch, next)).await;
            }
            () = ended.cancelled() => break,
        }
    }
}

/// What was started together often ends together: while no slot is waited for, the others are let on
/// as long as more of them end each time, and not for long.
async fn gather(inbox: &mut mpsc::UnboundedReceiver<End>, batch: &mut Vec<End>) {
    let (begun, mut more) = (Instant::now(), true);
    while more && batch.len() < BATCH && begun.elapsed() < LINGER {
        tokio::task::yield_now().await;
        let ends = inbox.recv_many(batch, BATCH - batch.len()).now_or_never();
        more = ends.is_some_and(|ends| ends > 0);
    }
}

/// What one statement can write: ends of one kind and one fence number.
pub(super) fn groups(batch: Vec<End>) -> BTreeMap<(Step, i32), Vec<End>> {
    let key = |end: &End| (end.step(), end.fence);
    if let Some(first) = batch.first().map(key)
        && batch.iter().all(|end| key(end) == first)
    {
        return BTreeMap::from([(first, batch)]);
    }
    let mut groups: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for end in batch {
        groups.entry(key(&end)).or_default().push(end);
    }
    groups
}

/// Writes a batch, whatever it takes: group by group, each a statement of its own.
async fn write_all(shared: &Arc<Shared>, batch: Vec<End>) {
    let mut groups = groups(batch);
    while let Some(((step, fence), mut ends)) = groups.pop_first() {
        // One lock order for everybody who locks several items.
        ends.sort_by_key(|end| end.id);
        let rest = write(shared, (fence, step), ends).await;
        // What was not tried again, somebody had canceled (or superseded: the fence finds out); what
        // was refused as a success, is ended as any other.
        if !rest.is_empty() {
            groups.entry((Step::Finish, fence)).or_default().extend(rest);
        }
    }
}

/// Writes one group. Returns what has to be finished instead.
fn write(shared: &Arc<Shared>, group: (i32, Step), mut ends: Vec<End>) -> BoxFuture<'_, Vec<End>> {
    Box::pin(async move {
        let mut backoff = shared.backoff("completer");
        let mut resent = ends.iter().any(|end| end.resent);
        loop {
            let error = match send(shared, group, &ends, resent).await {
                Ok(sent) => {
                    shared.awaited.written();
                    backoff.succeeded();
                    return book(shared, group.1, ends, sent, resent).await;
                }
                Err(error) => {
                    meter::failed(&error);
                    error
                }
            };
            if shared.connections.ending.is_closed() {
                // The worker has ended; recovery does the rest.
                return Vec::new();
            }
            if matches!(group.1, Step::Succeed | Step::Call) && is_refusal(&error) {
                return ends;
            }
            let alone = ends.len() == 1;
            if !is_locked(&error) && !is_refusal(&error) {
                // Whether it took effect is not known; the fence makes it safe to send again.
                resent = true;
                sleep(backoff.failed(&error)).await;
            } else if !alone {
                return write_singly(shared, group, ends).await;
            } else if is_locked(&error) {
                later(shared, ends);
                return Vec::new();
            } else {
                if ends.iter_mut().any(|end| refuse(end, &error)) {
                    // Nor can the refusal be stored. It keeps its slot, and nobody waits for it.
                    later(shared, ends);
                    return Vec::new();
                }
                if group.1 != Step::Finish {
                    return ends;
                }
            }
        }
    })
}

/// One bad end, or one locked row, must not stop the others.
async fn write_singly(shared: &Arc<Shared>, group: (i32, Step), ends: Vec<End>) -> Vec<End> {
    let mut rest = Vec::new();
    for end in ends {
        rest.extend(write(shared, group, vec![end]).await);
    }
    rest
}

/// Somebody's transaction holds the row, for example with a cancel: try again beside the others.
fn later(shared: &Arc<Shared>, ends: Vec<End>) {
    let shared = Arc::clone(shared);
    let tracker = shared.attempts.clone();
    tracker.spawn(async move {
        sleep(LOCKED).await;
        write_all(&shared, ends).await;
    });
}

/// The database refuses this very end: the work must end all the same. True: it did so before.
fn refuse(end: &mut End, error: &sqlx::Error) -> bool {
    let again =
        matches!(&end.verdict, Verdict::Failed(f) if f.kind() == FailureKind::UnstorableResult);
    let text = format!("the end of the attempt could not be stored: {error}");
    telemetry::parked(end.id, &end.function, &text);
    end.verdict = Verdict::Failed(Failure::new(FailureKind::UnstorableResult, text));
    again
}

/// Keeps the books once a group is written.
async fn book(
    shared: &Arc<Shared>,
    step: Step,
    mut ends: Vec<End>,
    sent: Sent,
    resent: bool,
) -> Vec<End> {
    for callback in sent.callbacks {
        callbacks::hand_over(shared, callback);
    }
    let matched = Matched::of(&sent.matched, ends.len());
    let refused = |end: &mut End| step == Step::Retry && !matched.has(end);
    let canceled = ends.extract_if(.., refused);
    let canceled = canceled.map(|end| End { verdict: end.verdict.canceled(), ..end }).collect();
    // After a lost answer, what is not there any more was written the first time.
    after::ended(shared, &ends, |end| resent || matched.has(end));
    let mut freed = HashMap::new();
    for (pool, ends) in by_pool(&ends) {
        let (items, again) = freed.entry(Arc::clone(pool)).or_insert((0, None));
        *items += i64::try_from(ends.len()).unwrap_or(i64::MAX);
        *again =
            (*again).into_iter().chain(ends.iter().filter_map(|end| end.verdict.again())).min();
    }
    for (pool, freed) in freed {
        after::freed(shared, &pool, freed, step.writer()).await;
    }
    canceled
}
