//! Recovers the work of workers whose lease has run out. Every worker does this for every other;
//! row locks keep them out of each other's way.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::postgres::PgConnection;
use sqlx::{Connection, Postgres, Transaction};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::ends::Verdict;
use super::shared::Shared;
use super::silence::Silence;
use crate::failpoint;
use crate::failure::{Failure, FailureKind};
use crate::function::FunctionKind;
use crate::hub::{Hint, Topic, forget, next_hint};
use crate::store::{Abandoned, Ended, Retried, SqlResult, is_refusal};
use crate::telemetry;
use crate::work::OutcomeKind;

/// Items per transaction.
const BATCH: i64 = 200;
/// Workers that may die over one mutation or query before it is taken for the cause.
const LOST_BOUND: i16 = 5;

/// Runs until the worker stops.
pub(crate) async fn run(shared: Arc<Shared>, done: CancellationToken) {
    let mut backoff = shared.backoff("recovery");
    let (mut silence, mut missing_at) = (Silence::default(), Instant::now());
    let mut hints = shared.workpool.hub().subscribe(Topic::Signal);
    loop {
        forget(&mut hints);
        let pause = match sweep(&shared, &mut silence, &mut missing_at).await {
            Ok(next) => {
                backoff.succeeded();
                pause(&shared, next)
            }
            Err(error) => backoff.failed(&error),
        };
        // Such as a new worker, whose lease may be shorter than others'.
        let told = async { while next_hint(&mut hints).await != Hint::Any {} };
        tokio::select! {
            () = sleep(pause) => {}
            () = told => {}
            () = done.cancelled() => return,
        }
    }
}

/// Until the next lease of another runs out; with jitter, so that workers do not sweep in step.
fn pause(shared: &Shared, next: Option<Duration>) -> Duration {
    let sweep = shared.settings.sweep.mul_f64(rand::random_range(0.75..1.25));
    let longest = sweep.max(shared.settings.lease / 6);
    next.map_or(longest, |next| (next + sweep / 4).clamp(sweep, longest))
}

/// Recovers what dead workers held, from `missing_at` on also those whose rows are missing. Returns when
/// the next lease runs out.
async fn sweep(
    shared: &Shared,
    silence: &mut Silence,
    missing_at: &mut Instant,
) -> SqlResult<Option<Duration>> {
    let (store, worker) = (shared.store(), shared.worker);
    let leases = shared.control(async |conn| store.leases(conn, worker).await).await?;
    let now = Instant::now();
    let silent = silence.observe(&leases, now);
    let next = leases.iter().map(|lease| lease.expires_in_us).min();
    let next = next.map(|us| Duration::from_micros(us.max(0).unsigned_abs()));
    if silent.is_empty() && now < *missing_at {
        return Ok(next);
    }
    let buried = shared.control(async |conn| store.bury(conn, &silent).await).await?;
    if buried.is_empty() {
        // Somebody has to delete such a row by hand, and to find out takes a look at all slots: where there
        // is nothing to do, seldom.
        let usual = shared.settings.lease / 3;
        *missing_at = now + shared.patience(usual).saturating_sub(usual);
    }
    let mut first_error = None;
    for dead in buried {
        // What is wrong with one dead worker does not keep others from being recovered.
        if let Err(error) = recover_all(shared, dead).await {
            first_error.get_or_insert(error);
        }
    }
    first_error.map_or(Ok(next), Err)
}

async fn recover_all(shared: &Shared, dead: Uuid) -> SqlResult<()> {
    let mut recovered = 0;
    loop {
        let items = recover(shared, dead).await?;
        recovered += items;
        if items < BATCH {
            break;
        }
    }
    let store = shared.store();
    recovered += shared.control(async |conn| store.inter(conn, dead).await).await?;
    if recovered > 0 {
        shared.workpool.hub().send(Hint::Signal);
        // Others may have slots for it, and be patient.
        shared.notify("").await?;
    }
    Ok(())
}

/// One part of a dead worker's items, in one transaction. Returns how many were recovered.
async fn recover(shared: &Shared, dead: Uuid) -> SqlResult<i64> {
    let items = shared.control(async |conn| recover_part(shared, conn, dead).await).await?;
    for item in &items {
        let what = fate(item).word();
        telemetry::recovered(item.id, &item.pool, &item.function, what, dead);
        let pool: Arc<str> = item.pool.as_str().into();
        shared.meter.function(&pool, &item.function).recovered(what);
        shared.workpool.hub().send(Hint::Work(pool));
    }
    Ok(i64::try_from(items.len()).unwrap_or(BATCH))
}

async fn recover_part(
    shared: &Shared,
    conn: &mut PgConnection,
    dead: Uuid,
) -> SqlResult<Vec<Abandoned>> {
    let mut tx = shared.store().begin(conn).await?;
    let mut items = shared.store().abandoned(&mut tx, dead, BATCH).await?;
    failpoint::reach(failpoint::RECOVER_BEGUN, &mut *tx).await?;
    let mut all = tx.begin().await?;
    match apply(shared, &mut all, dead, &items).await {
        Ok(()) => all.commit().await?,
        Err(error) if is_refusal(&error) => {
            // One row that cannot be written does not keep the others.
            all.rollback().await?;
            items = apply_singly(shared, &mut tx, dead, items).await?;
        }
        Err(error) => return Err(error),
    }
    failpoint::reach(failpoint::RECOVER_WRITTEN, &mut *tx).await?;
    tx.commit().await?;
    failpoint::reach(failpoint::RECOVER_COMMITTED, conn).await?;
    Ok(items)
}

/// Each item behind a savepoint. Returns those that could be written.
async fn apply_singly(
    shared: &Shared,
    tx: &mut Transaction<'_, Postgres>,
    dead: Uuid,
    items: Vec<Abandoned>,
) -> SqlResult<Vec<Abandoned>> {
    let mut done = Vec::new();
    for item in items {
        let mut one = tx.begin().await?;
        match apply(shared, &mut one, dead, std::slice::from_ref(&item)).await {
            Ok(()) => {
                one.commit().await?;
                done.push(item);
            }
            Err(error) => {
                one.rollback().await?;
                telemetry::parked(item.id, &item.function, &error.to_string());
            }
        }
    }
    Ok(done)
}

async fn apply(
    shared: &Shared,
    tx: &mut PgConnection,
    dead: Uuid,
    items: &[Abandoned],
) -> SqlResult<()> {
    let store = shared.store();
    let mut by_fence: BTreeMap<i32, Vec<&Abandoned>> = BTreeMap::new();
    for item in items {
        by_fence.entry(item.fence).or_default().push(item);
    }
    for (fence, items) in by_fence {
        let mut finished: Vec<Ended> = Vec::new();
        let mut retried = Vec::new();
        let mut released = Vec::new();
        for item in items {
            match fate(item) {
                Fate::End(ended) => finished.push(ended),
                Fate::Retry(retry) => retried.push(retry),
                Fate::RunAgain => released.push(item.id),
            }
        }
        store.retry(tx, dead, fence, &retried).await?;
        store.release(tx, dead, fence, &released, true).await?;
        store.finish(tx, dead, fence, &finished, &[]).await?;
    }
    Ok(())
}

/// What becomes of an attempt whose process died.
enum Fate {
    End(Ended),
    Retry(Retried),
    RunAgain,
}

impl Fate {
    const fn word(&self) -> &'static str {
        match self {
            Self::End(Ended { outcome: OutcomeKind::Canceled, .. }) => "canceled",
            Self::End(_) => "failed",
            Self::Retry(_) => "retrying",
            Self::RunAgain => "run again",
        }
    }
}

/// By kind: an action may have taken effect, so it counts; a mutation or query was rolled back.
fn fate(item: &Abandoned) -> Fate {
    let lost = |text: &str| {
        let mut failure = Failure::new(FailureKind::Lost, text);
        failure.over(None);
        failure
    };
    let end = |verdict: Verdict| Fate::End(verdict.ended(item.id, item.attempt));
    let action = item.kind == FunctionKind::Action.code();
    let policy = item.retry.filter(|policy| item.attempt.unsigned_abs() < policy.max_attempts);
    match policy {
        Some(_) if action && item.cancel_requested => {
            end(Verdict::Canceled(Some(lost("its worker died while it may have been running"))))
        }
        Some(policy) if action => {
            let failure = lost("its worker died while it may have been running");
            let delay = policy.random_delay(item.attempt.unsigned_abs());
            let delay_us = i64::try_from(delay.as_micros()).unwrap_or(i64::MAX);
            let error = failure.with_attempt(item.attempt).to_json();
            Fate::Retry(Retried { id: item.id, delay_us, error })
        }
        _ if action => end(Verdict::Failed(lost(
            "its worker died while it may have been running; whether it took effect is not known",
        ))),
        _ if item.cancel_requested => end(Verdict::Canceled(None)),
        _ if item.lost >= LOST_BOUND => end(Verdict::Failed(lost(
            "worker after worker died while it ran; it is taken for the cause",
        ))),
        _ => Fate::RunAgain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::retry::RetryPolicy;

    fn item(kind: FunctionKind, retry: Option<RetryPolicy>, attempt: i32) -> Abandoned {
        Abandoned {
            id: Uuid::nil(),
            pool: String::new(),
            function: String::new(),
            kind: kind.code(),
            attempt,
            fence: attempt,
            lost: 0,
            cancel_requested: false,
            retry,
        }
    }

    #[test]
    fn what_follows_from_a_death_is_decided_by_the_kind() {
        use FunctionKind::{Action, Mutation, Query};
        let twice = Some(RetryPolicy::new().max_attempts(2));
        let word = |item: Abandoned| fate(&item).word();
        assert_eq!(word(item(Action, None, 1)), "failed");
        assert_eq!(word(item(Action, twice, 1)), "retrying");
        assert_eq!(word(item(Action, twice, 2)), "failed");
        assert_eq!(word(item(Mutation, None, 1)), "run again");
        assert_eq!(word(item(Query, None, 9)), "run again");
        assert_eq!(word(Abandoned { lost: LOST_BOUND, ..item(Mutation, None, 6) }), "failed");
        for kind in [Mutation, Query] {
            assert_eq!(
                word(Abandoned { cancel_requested: true, ..item(kind, None, 1) }),
                "canceled"
            );
        }
        assert_eq!(
            word(Abandoned { cancel_requested: true, ..item(Action, twice, 1) }),
            "canceled"
        );
        assert_eq!(word(Abandoned { cancel_requested: true, ..item(Action, None, 1) }), "failed");
    }
}
