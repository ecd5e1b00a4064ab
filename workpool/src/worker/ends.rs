//! The ends of attempts, and the statements that write those of one kind and one fence number.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use sqlx::postgres::PgConnection;
use tokio::sync::mpsc::error::SendError;
use uuid::Uuid;

use super::callbacks;
use super::dispatcher::Event;
use super::shared::Shared;
use crate::failpoint;
use crate::failure::Failure;
use crate::meter::FunctionMeter;
use crate::store::{Ended, RawCallback, Retried, SqlResult, is_locked, is_refusal};
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
    /// From the due time to the claim.
    pub(crate) lag_ms: i64,
    /// Somebody may want to know of its end.
    pub(crate) calls: bool,
    /// The span of the attempt.
    pub(crate) trace: Option<String>,
    pub(crate) meter: FunctionMeter,
    pub(crate) verdict: Verdict,
    /// It was sent before, and the answer was lost.
    pub(crate) resent: bool,
}

impl End {
    /// How long it ran, until then.
    pub(crate) fn took(&self, then: Instant) -> Duration {
        then.saturating_duration_since(self.started)
    }

    /// How it is stored when it ends the work.
    pub(crate) fn ended(&self) -> Ended {
        Ended { trace: self.trace.clone(), ..self.verdict.ended(self.id, self.attempt) }
    }
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
    /// The work was canceled meanwhile, so no other attempt follows.
    Canceled(Option<Failure>),
}

/// What is done to the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    Retry,
    Release,
    /// The common end: success, and nobody to call back.
    Succeed,
    /// Success, and somebody to call back.
    Call,
    Finish,
}

/// Who can write an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Writer {
    /// A claim into the slot that it leaves, as the completer can.
    Claim,
    /// The same, if it has as many to write as are worth a statement of their own beside it.
    LargeClaim,
    /// Nobody else.
    Completer,
}

impl Step {
    pub(crate) const fn writer(self) -> Writer {
        match self {
            Self::Succeed => Writer::Claim,
            Self::Call => Writer::LargeClaim,
            Self::Retry | Self::Release | Self::Finish => Writer::Completer,
        }
    }
}

/// What a statement came to.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    /// The ids whose fence matched.
    pub(crate) matched: Vec<Uuid>,
    /// Callbacks that are ours now.
    pub(crate) callbacks: Vec<RawCallback>,
}

/// Ends that follow one another in one pool, by pool.
pub(super) fn by_pool(ends: &[End]) -> impl Iterator<Item = (&Arc<str>, &[End])> {
    ends.chunk_by(|a, b| a.pool == b.pool).map(|ends| (&ends[0].pool, ends))
}

/// Which ends of a statement were written.
pub(super) struct Matched(Option<HashSet<Uuid>>);

impl Matched {
    /// Of so many ends those with these ids: mostly all.
    pub(super) fn of(ids: &[Uuid], ends: usize) -> Self {
        Self((ids.len() != ends).then(|| ids.iter().copied().collect()))
    }

    pub(super) fn has(&self, end: &End) -> bool {
        self.0.as_ref().is_none_or(|ids| ids.contains(&end.id))
    }
}

impl End {
    pub(crate) const fn step(&self) -> Step {
        match self.verdict {
            Verdict::Retry(..) => Step::Retry,
            Verdict::Release => Step::Release,
            Verdict::Success(_) if self.calls => Step::Call,
            Verdict::Success(_) => Step::Succeed,
            Verdict::Failed(_) | Verdict::Canceled(_) => Step::Finish,
        }
    }

    /// The id and the result of a success.
    pub(crate) fn succeeded(&self) -> Option<(Uuid, &str)> {
        match &self.verdict {
            Verdict::Success(result) => Some((self.id, result)),
            _ => None,
        }
    }
}

impl Verdict {
    /// After which time another attempt is due.
    pub(crate) const fn again(&self) -> Option<Duration> {
        match self {
            Self::Retry(_, delay) => Some(*delay),
            Self::Release => Some(Duration::ZERO),
            _ => None,
        }
    }

    /// Why the attempt failed, if it did.
    pub(crate) const fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Failed(failure) | Self::Retry(failure, _) => Some(failure),
            Self::Success(_) | Self::Release | Self::Canceled(_) => None,
        }
    }

    /// The word of the event; none when nothing of it is counted.
    pub(crate) const fn status(&self) -> Option<&'static str> {
        match self {
            Self::Success(_) => Some("success"),
            Self::Failed(_) => Some("failed"),
            Self::Retry(..) => Some("retrying"),
            Self::Canceled(_) => Some("canceled"),
            Self::Release => None,
        }
    }

    /// The same when somebody has canceled the work, so that it is not tried again.
    pub(crate) fn canceled(self) -> Self {
        match self {
            Self::Retry(failure, _) => Self::Canceled(Some(failure)),
            other => other,
        }
    }

    /// How it is stored when it ends the work.
    pub(crate) fn ended(&self, id: Uuid, attempt: i32) -> Ended {
        let json = |failure: &Failure| failure.clone().with_attempt(attempt).to_json();
        let (outcome, result, error) = match self {
            Self::Success(result) => (OutcomeKind::Success, Some(result.clone()), None),
            Self::Failed(failure) | Self::Retry(failure, _) => {
                (OutcomeKind::Failed, None, Some(json(failure)))
            }
            Self::Canceled(failure) => (OutcomeKind::Canceled, None, failure.as_ref().map(json)),
            Self::Release => (OutcomeKind::Canceled, None, None),
        };
        Ended { id, outcome, result, error, trace: None }
    }
}

/// Leaves the end of an attempt to whoever writes it: to the dispatcher, for its next claim, where a
/// slot is waited for and a claim can write it; else to the completer.
pub(crate) fn leave(shared: &Shared, mut end: End) {
    let writer = end.step().writer();
    if shared.waiting().get(&end.pool).is_some_and(|claim| writer <= *claim) {
        match shared.events.send(Event::Ended(end)) {
            // It has stopped.
            Err(SendError(Event::Ended(back))) => end = back,
            _ => return,
        }
    }
    // The completer outlives all attempts.
    let _ = shared.ends.send(end);
}

/// One statement, conditional on the fences: after an error it can be sent again.
pub(crate) async fn send(
    shared: &Shared,
    (fence, step): (i32, Step),
    ends: &[End],
    resent: bool,
) -> SqlResult<Sent> {
    let (store, worker) = (shared.store(), shared.worker);
    let ending = &shared.connections.ending;
    match step {
        Step::Retry => {
            let retried: Vec<_> = ends.iter().filter_map(retried).collect();
            let retry = async |conn: &mut PgConnection| {
                failpoint::reach(failpoint::RETRY_SEND, &mut *conn).await?;
                let back = store.retry(conn, worker, fence, &retried).await?;
                failpoint::reach(failpoint::RETRY_DONE, conn).await.map(|()| back)
            };
            let back = ending.run(retry).await?;
            Ok(Sent { matched: back, callbacks: Vec::new() })
        }
        Step::Release => {
            let ids: Vec<_> = ends.iter().map(|end| end.id).collect();
            let release = async |conn: &mut PgConnection| {
                failpoint::reach(failpoint::RELEASE_SEND, &mut *conn).await?;
                let back = store.release(conn, worker, fence, &ids, false).await?;
                failpoint::reach(failpoint::RELEASE_DONE, conn).await.map(|()| back)
            };
            let back = ending.run(release).await?;
            Ok(Sent { matched: back, callbacks: Vec::new() })
        }
        Step::Succeed => {
            let ended: Vec<_> = ends.iter().filter_map(End::succeeded).collect();
            let succeed = async |conn: &mut PgConnection| {
                failpoint::reach(failpoint::FINISH_SEND, &mut *conn).await?;
                let done = store.succeed(conn, worker, fence, &ended).await?;
                failpoint::reach(failpoint::FINISH_DONE, conn).await.map(|()| done)
            };
            let done = ending.run(succeed).await?;
            Ok(Sent { matched: done, callbacks: Vec::new() })
        }
        Step::Call | Step::Finish => {
            let ended: Vec<_> = ends.iter().map(End::ended).collect();
            let known = callbacks::at_once(shared, resent);
            let finish = async |conn: &mut PgConnection| {
                failpoint::reach(failpoint::FINISH_SEND, &mut *conn).await?;
                let done = if step == Step::Call {
                    store.succeed_and_call(conn, worker, fence, &ended, known).await?
                } else {
                    store.finish(conn, worker, fence, &ended, known).await?
                };
                failpoint::reach(failpoint::FINISH_DONE, conn).await.map(|()| done)
            };
            let done = ending.run(finish).await.inspect_err(|error| {
                if !is_locked(error) && !is_refusal(error) {
                    // Callbacks may be ours without our knowing.
                    shared.callbacks_uncertain.store(true, Ordering::Release);
                }
            })?;
            Ok(Sent { matched: done.ids, callbacks: done.callbacks })
        }
    }
}

fn retried(end: &End) -> Option<Retried> {
    let Verdict::Retry(failure, delay) = &end.verdict else { return None };
    let delay_us = i64::try_from(delay.as_micros()).unwrap_or(i64::MAX);
    let error = failure.clone().with_attempt(end.attempt).to_json();
    Some(Retried { id: end.id, delay_us, error })
}
