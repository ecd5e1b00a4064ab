//! Writes the ends of attempts, in batches that form by themselves: what arrives while one is
//! written makes the next. An end that cannot be written is kept and tried again for ever.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use sqlx::postgres::PgConnection;
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::shared::Shared;
use super::{after, callbacks};
use crate::failure::{Failure, FailureKind};
use crate::store::{Ended, RawCallback, Retried, SqlResult, is_refusal};
use crate::work::OutcomeKind;

/// The end of one attempt.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) id: Uuid,
    pub(crate) attempt: i32,
    pub(crate) fence: i32,
    pub(crate) pool: Arc<str>,
    pub(crate) function: Arc<str>,
    pub(crate) started: Instant,
    pub(crate) verdict: Verdict,
}

/// What follows from how an attempt went.
#[derive(Debug, Clone)]
pub(crate) enum Verdict {
    /// The work ends with this result.
    Success(String),
    /// The work ends.
    Failed(Failure),
    /// Another attempt follows after this time, unless the work was canceled.
    Retry(Failure, Duration),
    /// The attempt was never entered, or left no trace: it does not count.
    Release,
}

/// The most ends of one statement.
const BATCH: usize = 1000;

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
                write_all(&shared, std::mem::take(&mut batch)).await;
            }
            () = ended.cancelled() => break,
        }
    }
}

/// Writes a batch, whatever it takes.
async fn write_all(shared: &Shared, mut batch: Vec<End>) {
    // One lock order for everybody who locks several items.
    batch.sort_by_key(|end| end.id);
    let mut backoff = shared.backoff("completer");
    let mut resent = false;
    while let Err(error) = write(shared, &batch, resent).await {
        shared.callbacks_uncertain.store(true, Ordering::Release);
        if !is_refusal(&error) {
            resent = true;
            sleep(backoff.failed(&error)).await;
        } else if let [only] = &mut *batch {
            // The database refuses this very end: the work must end all the same.
            let text = format!("the end of the attempt could not be stored: {error}");
            let unstorable = Failure::new(FailureKind::UnstorableResult, text);
            if matches!(&only.verdict, Verdict::Failed(f) if f.kind() == FailureKind::UnstorableResult)
            {
                sleep(backoff.failed(&error)).await;
            }
            only.verdict = Verdict::Failed(unstorable);
        } else {
            // One bad end must not stop the others.
            for end in batch {
                Box::pin(write_all(shared, vec![end])).await;
            }
            break;
        }
    }
    backoff.succeeded();
}

/// What a batch of ends came to.
#[derive(Default)]
struct Written {
    canceled: HashSet<Uuid>,
    matched: HashSet<Uuid>,
    callbacks: Vec<RawCallback>,
}

/// Each statement is conditional on its fences, so after an error all of it can be sent again.
async fn write(shared: &Shared, batch: &[End], resent: bool) -> SqlResult<()> {
    let mut conn = shared.control.acquire().await?;
    let mut by_fence: BTreeMap<i32, Vec<&End>> = BTreeMap::new();
    for end in batch {
        by_fence.entry(end.fence).or_default().push(end);
    }
    let mut written = Written::default();
    for (fence, ends) in by_fence {
        write_group(shared, &mut conn, fence, &ends, resent, &mut written).await?;
    }
    drop(conn);
    let Written { canceled, matched, callbacks } = written;
    for callback in callbacks {
        callbacks::hand_over(shared, callback);
    }
    let mut freed = HashMap::new();
    for end in batch {
        // After a lost answer, what is not there any more was written the first time.
        after::ended(shared, end, matched.contains(&end.id) || resent, canceled.contains(&end.id));
        *freed.entry(&end.pool).or_insert(0) += 1;
    }
    for (pool, items) in freed {
        after::freed(shared, pool, items).await;
    }
    Ok(())
}

/// Ends of one fence number.
async fn write_group(
    shared: &Shared,
    conn: &mut PgConnection,
    fence: i32,
    ends: &[&End],
    resent: bool,
    written: &mut Written,
) -> SqlResult<()> {
    let (store, worker) = (shared.store(), shared.worker);
    let mut finished = Vec::new();
    let (mut retried, mut released) = (Vec::new(), Vec::new());
    for end in ends {
        match &end.verdict {
            Verdict::Retry(failure, delay) => {
                let delay_us = i64::try_from(delay.as_micros()).unwrap_or(i64::MAX);
                let error = failure.clone().with_attempt(end.attempt).to_json();
                retried.push(Retried { id: end.id, delay_us, error });
            }
            Verdict::Release => released.push(end.id),
            _ => finished.push(ended(end.id, end.attempt, &end.verdict)),
        }
    }
    if !retried.is_empty() {
        let back = store.retry(conn, worker, fence, &retried).await?;
        written.matched.extend(&back);
        // What was left out somebody canceled (or superseded, which the fence finds out).
        for Retried { id, error, .. } in retried.into_iter().filter(|r| !back.contains(&r.id)) {
            let (outcome, result) = (OutcomeKind::Canceled, None);
            finished.push(Ended { id, outcome, result, error: Some(error) });
        }
    }
    if !released.is_empty() {
        let back = store.release(conn, worker, fence, &released, false).await?;
        written.matched.extend(&back);
        for id in released.into_iter().filter(|id| !back.contains(id)) {
            let outcome = OutcomeKind::Canceled;
            finished.push(Ended { id, outcome, result: None, error: None });
        }
    }
    if finished.is_empty() {
        return Ok(());
    }
    finished.sort_by_key(|end| end.id);
    let known = callbacks::at_once(shared, resent);
    let done = store.finish(conn, worker, fence, &finished, &known).await?;
    let canceled = finished.iter().filter(|end| end.outcome == OutcomeKind::Canceled);
    written.canceled.extend(canceled.map(|end| end.id));
    written.matched.extend(done.ids);
    written.callbacks.extend(done.callbacks);
    Ok(())
}

/// How a verdict that ends the work is stored.
pub(crate) fn ended(id: Uuid, attempt: i32, verdict: &Verdict) -> Ended {
    match verdict {
        Verdict::Success(result) => {
            let result = Some(result.clone());
            Ended { id, outcome: OutcomeKind::Success, result, error: None }
        }
        Verdict::Failed(failure) | Verdict::Retry(failure, _) => {
            let error = Some(failure.clone().with_attempt(attempt).to_json());
            Ended { id, outcome: OutcomeKind::Failed, result: None, error }
        }
        Verdict::Release => Ended { id, outcome: OutcomeKind::Canceled, result: None, error: None },
    }
}
