//! Runs one claimed item: finds its function, enters it, turns how it went into a verdict. Nothing of
//! the user's runs in the loops of the worker.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Once};
use std::time::Instant;

use tracing::{Instrument, Span};
use uuid::Uuid;

use super::ends::{self, End, Verdict};
use super::guard::{self, Ran};
use super::shared::Shared;
use super::{query, transaction};
use crate::cancellation::Cancellation;
use crate::context::ActionCtx;
use crate::failpoint;
use crate::failure::{Advice, Failure, FailureKind};
use crate::meter::FunctionMeter;
use crate::registry::Handler;
use crate::retry::RetryPolicy;
use crate::store::{Claimed, Ended, is_refusal};
use crate::telemetry::{self, AttemptFields, PoolLog};
use crate::trace;

/// A claimed item on its way through this process.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) row: Claimed,
    pub(crate) pool: Arc<str>,
    pub(super) log: Arc<PoolLog>,
    pub(crate) canceled: Arc<Cancellation>,
    pub(crate) started: Instant,
    /// Its span, when somebody traces.
    trace: Option<String>,
    meter: FunctionMeter,
    announced: Once,
    /// The statement for the common end was refused: the general one has to end it.
    general: AtomicBool,
}

impl Item {
    /// A claimed row, and the span that its attempt runs in.
    pub(crate) fn new(shared: &Shared, taken: Taken) -> (Self, Span) {
        let Taken { row, pool, log, meter, canceled } = taken;
        let (started, announced) = (Instant::now(), Once::new());
        let general = AtomicBool::new(false);
        let mut item =
            Self { row, pool, log, canceled, started, trace: None, meter, announced, general };
        let span = telemetry::attempt_span(item.fields());
        let continues = shared.settings.continue_traces;
        item.trace = trace::follow(&span, item.row.trace.as_deref(), continues);
        (item, span)
    }

    fn fields(&self) -> AttemptFields<'_> {
        AttemptFields {
            work_id: self.row.id,
            pool: &self.pool,
            function: &self.row.function,
            attempt: self.row.attempt,
        }
    }

    /// Its function is entered now: for the first time, if its transaction is run again.
    pub(crate) fn entered(&self, now: Instant) {
        self.announced.call_once(|| {
            let here = now.saturating_duration_since(self.started).as_millis();
            let here = i64::try_from(here).unwrap_or(0);
            let lag_ms = self.row.lag_ms().saturating_add(here);
            telemetry::started(&self.log, self.fields(), lag_ms);
            self.meter.started(lag_ms);
        });
    }

    /// The number of the attempt, for people, and of the claim, for the fence.
    pub(crate) const fn key(&self) -> (i32, i32) {
        (self.row.attempt, self.row.fence)
    }

    /// How its end is stored.
    pub(crate) fn ended(&self, verdict: &Verdict) -> Ended {
        Ended { trace: self.trace.clone(), ..verdict.ended(self.row.id, self.row.attempt) }
    }

    /// Whether success of it is the common end: nobody is to be called back.
    pub(crate) fn ends_plainly(&self) -> bool {
        !self.row.calls && !self.general.load(Ordering::Relaxed)
    }

    /// Takes note when the database would not have the common end.
    pub(crate) fn refused(&self, error: &sqlx::Error) {
        if is_refusal(error) {
            self.general.store(true, Ordering::Relaxed);
        }
    }

    /// Its id and the number of its claim.
    pub(crate) const fn place(&self) -> (Uuid, i32) {
        (self.row.id, self.row.fence)
    }

    pub(crate) fn end(&self, mut verdict: Verdict) -> End {
        if let Verdict::Failed(failure) | Verdict::Retry(failure, _) = &mut verdict {
            failure.over(Some(self.started.elapsed()));
        }
        End {
            id: self.row.id,
            attempt: self.row.attempt,
            fence: self.row.fence,
            pool: Arc::clone(&self.pool),
            function: Arc::clone(&self.row.function),
            started: self.started,
            lag_ms: self.row.lag_ms(),
            calls: self.row.calls,
            trace: self.trace.clone(),
            meter: self.meter.clone(),
            verdict,
            resent: false,
        }
    }
}

/// An item whose claim is confirmed.
pub(super) struct Taken {
    pub(super) row: Claimed,
    pool: Arc<str>,
    log: Arc<PoolLog>,
    pub(super) meter: FunctionMeter,
    pub(super) canceled: Arc<Cancellation>,
}

impl Taken {
    pub(super) fn of(shared: &Shared, row: Claimed, pool: &Arc<str>, log: &Arc<PoolLog>) -> Self {
        let (pool, log) = (Arc::clone(pool), Arc::clone(log));
        let meter = shared.meter.function(&pool, &row.function);
        Self { row, pool, log, meter, canceled: shared.cancellation() }
    }
}

/// Takes items of one pool in hand whose claim is confirmed.
pub(super) fn take_all(shared: &Shared, rows: Vec<Claimed>, pool: &Arc<str>) -> Vec<Taken> {
    let log = shared.log(pool);
    let taken: Vec<_> = rows.into_iter().map(|row| Taken::of(shared, row, pool, &log)).collect();
    shared.take_in_hand(&taken);
    taken
}

/// Runs an item, and leaves its end to whoever writes it.
pub(super) fn attempt(
    shared: Arc<Shared>,
    taken: Taken,
) -> impl Future<Output = ()> + Send + 'static {
    let (item, span) = Item::new(&shared, taken);
    let attempt = async move {
        // A panic that gets here came from a destructor. If the end is written, this one is
        // refused by its fence, and nobody has the callback that was claimed with it.
        let verdict = guard::caught(execute(&shared, &item)).await.unwrap_or_else(|panic| {
            shared.callbacks_uncertain.store(true, Ordering::Release);
            Some(Verdict::Failed(panic))
        });
        if let Some(verdict) = verdict {
            if let Some(failure) = verdict.failure() {
                trace::failed(failure);
            }
            ends::leave(&shared, item.end(verdict));
        }
    };
    attempt.instrument(span)
}

/// None: the end is written already, in the transaction of the body, or is not ours to write.
async fn execute(shared: &Arc<Shared>, item: &Item) -> Option<Verdict> {
    let entry = shared.registry.get(&item.row.function);
    let Some(entry) = entry.filter(|entry| entry.spec.kind.code() == item.row.kind) else {
        let text = "the stored row and the registered function are of different kinds";
        telemetry::parked(item.row.id, &item.row.function, text);
        return Some(Verdict::Failed(Failure::new(FailureKind::Invalid, text)));
    };
    failpoint::pass(failpoint::ENTER).await;
    // Before the entry, once more: whoever has taken over may have entered it already.
    let now = Instant::now();
    if !shared.lease.is_valid_at(now) || shared.abort.is_cancelled() {
        telemetry::released(item.row.id, "the lease of this worker may have run out");
        return Some(Verdict::Release);
    }
    match entry.handler {
        Handler::Action(run) => {
            let attempt = shared.attempt(item.row.id, item.key(), &item.canceled);
            let ctx = ActionCtx { attempt };
            item.entered(now);
            let body = async { run(&ctx, &item.row.args).await };
            let ran = guard::run(body, entry.spec.timeout, &shared.abort).await;
            Some(action_verdict(ran, item.row.retry, item.row.attempt))
        }
        // Boxed, because they are large and a task is as large as the largest: it is moved twice.
        Handler::Mutation(run) => {
            Box::pin(transaction::mutation(shared, item, entry.spec, run)).await
        }
        Handler::Query(run) => Box::pin(query::run(shared, item, entry.spec, run)).await,
        Handler::OnComplete(_) => unreachable!("its kind is not one of work"),
    }
}

fn action_verdict(ran: Ran<String>, policy: Option<RetryPolicy>, attempt: i32) -> Verdict {
    let failure = match ran {
        Ran::Returned(Ok(result)) => return Verdict::Success(result),
        Ran::Returned(Err(failure)) | Ran::Dropped(failure) => failure,
        Ran::Aborted => Failure::new(
            FailureKind::Lost,
            "the worker shut down while it ran; whether it took effect is not known",
        ),
    };
    let attempt = attempt.unsigned_abs();
    match policy.filter(|policy| attempt < policy.max_attempts) {
        Some(policy) => match failure.advice() {
            Advice::Stop => Verdict::Failed(failure),
            Advice::After(delay) => Verdict::Retry(failure, delay.min(LONGEST_WAIT)),
            Advice::Policy | Advice::RunAgain => {
                Verdict::Retry(failure, policy.random_delay(attempt))
            }
        },
        None => Verdict::Failed(failure),
    }
}

/// `retry_after` beyond this would leave the years that the database keeps.
const LONGEST_WAIT: std::time::Duration = std::time::Duration::from_hours(1000 * 366 * 24);

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(failure: Failure) -> Ran<String> {
        Ran::Returned(Err(failure))
    }

    #[test]
    fn attempts_are_used_up_and_advice_is_followed() {
        let policy = Some(RetryPolicy::new().max_attempts(2));
        let error = || Failure::from_error("no".into());
        let verdict = |ran, policy, attempt| action_verdict(ran, policy, attempt);
        assert!(matches!(verdict(failed(error()), policy, 1), Verdict::Retry(..)));
        assert!(matches!(verdict(failed(error()), policy, 2), Verdict::Failed(_)));
        assert!(matches!(verdict(failed(error()), None, 1), Verdict::Failed(_)));
        let stop = Failure::non_retryable("never");
        assert!(matches!(verdict(failed(stop), policy, 1), Verdict::Failed(_)));
        let later = Failure::retry_after(std::time::Duration::from_secs(9), "later");
        let Verdict::Retry(_, delay) = verdict(failed(later), policy, 1) else { panic!("ended") };
        assert_eq!(delay.as_secs(), 9);
        assert!(matches!(verdict(Ran::Aborted, policy, 1), Verdict::Retry(..)));
        assert!(matches!(verdict(Ran::Aborted, None, 1), Verdict::Failed(_)));
    }
}
