//! Runs a body inside a database transaction that also carries the end of its work: effects and
//! end commit together, once. What the database rolls back by itself is run again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::postgres::PgConnection;
use sqlx::{Connection, Postgres, Transaction};
use tokio::time::sleep;

use super::ends::{Verdict, Writer};
use super::executor::Item;
use super::group::{self, Group, Others};
use super::guard::{self, Ran};
use super::job::{Job, MutationFn};
use super::shared::Shared;
use super::{after, callbacks};
use crate::backoff::Backoff;
use crate::context::{Attempt, MutationCtx};
use crate::failpoint;
use crate::failure::{Advice, Failure, FailureKind};
use crate::function::FunctionSpec;
use crate::meter;
use crate::store::{Link, RawCallback, is_broken, is_refusal, lost_connection};

/// What one transaction has done.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// Of the body.
    pub(crate) result: String,
    /// Callbacks that are ours now.
    pub(crate) called: Vec<RawCallback>,
    pub(crate) group: Group,
    /// To end it took long.
    pub(crate) slow: bool,
}

/// How one transaction went.
pub(crate) enum Tried {
    /// It has committed.
    Committed(Done),
    /// The body failed; everything is rolled back.
    Failed(Failure),
    /// The database rolled it back by itself: a conflict, or the connection was lost.
    Again(Failure),
    /// It could not begin: the database cannot be reached.
    Unreachable(sqlx::Error),
    /// It is not ours any more; everything is rolled back.
    Superseded,
    /// The worker's grace was over; everything is rolled back.
    Aborted,
}

/// Re-runs before the work is given up as failed: after conflicts, and in case the body is what
/// breaks the connection.
pub(crate) const RERUNS: u32 = 25;

/// Runs a mutation. None: its end is written, or not ours to write.
pub(crate) async fn mutation(
    shared: &Arc<Shared>,
    item: &Item,
    spec: &FunctionSpec,
    run: MutationFn,
) -> Option<Verdict> {
    let others = if spec.grouped { Others::Waiting } else { Others::Nobody };
    match repeat(shared, Job::Mutation(item, run), spec.timeout, others).await {
        Tried::Committed(Done { result, called, group, .. }) => {
            let mut ends = vec![item.end(Verdict::Success(result))];
            let others = group.items.into_iter();
            ends.extend(others.map(|(member, result)| member.end(Verdict::Success(result))));
            after::ended(shared, &ends, |_| true);
            for callback in called {
                callbacks::hand_over(shared, callback);
            }
            after::freed(shared, &item.pool, (1, None), Writer::Completer).await;
            None
        }
        Tried::Failed(failure) | Tried::Again(failure) => Some(Verdict::Failed(failure)),
        // The completer finds out whether it is still ours, and keeps the books.
        Tried::Superseded | Tried::Aborted | Tried::Unreachable(_) => Some(Verdict::Release),
    }
}

/// Tries until something is decided, within a bound for conflicts; while the database cannot be
/// reached, without one.
pub(crate) async fn repeat(
    shared: &Arc<Shared>,
    job: Job<'_>,
    limit: Option<Duration>,
    mut others: Others<'_>,
) -> Tried {
    let attempt = job.attempt(shared);
    let mut again = Again::new(shared);
    loop {
        let tried = once(shared, &attempt, job, limit, others).await;
        // Whatever it was, it is tried once more without them.
        let in_company = !matches!(std::mem::replace(&mut others, Others::Nobody), Others::Nobody);
        match tried {
            Tried::Superseded if in_company => continue,
            Tried::Again(_) if in_company => shared.caution.undone(job.of()),
            _ => {}
        }
        if let Some(decided) = again.judge(tried).await {
            return decided;
        }
    }
}

/// Decides whether a transaction is tried again, and waits before it is.
pub(crate) struct Again<'s> {
    shared: &'s Shared,
    reruns: u32,
    backoff: Backoff,
}

impl<'s> Again<'s> {
    pub(crate) fn new(shared: &'s Shared) -> Self {
        Self { shared, reruns: 0, backoff: shared.backoff("transactions") }
    }

    /// None: try again. Within a bound, except that while the database cannot be reached nobody
    /// is to blame.
    pub(crate) async fn judge(&mut self, tried: Tried) -> Option<Tried> {
        let pause = match tried {
            Tried::Again(failure) if self.reruns >= RERUNS => return Some(Tried::Failed(failure)),
            Tried::Again(_) => {
                self.reruns += 1;
                conflict_pause(self.reruns)
            }
            Tried::Unreachable(error) => {
                meter::failed(&error);
                self.backoff.failed(&error)
            }
            decided => return Some(decided),
        };
        tokio::select! {
            () = sleep(pause) => None,
            () = self.shared.cut.cancelled() => Some(Tried::Aborted),
        }
    }
}

/// From 4–8 ms up to a quarter to half a second.
fn conflict_pause(reruns: u32) -> Duration {
    let nominal = 4_u64 << reruns.clamp(1, 7);
    Duration::from_millis(rand::random_range(nominal / 2..=nominal))
}

/// The connection was lost inside the transaction, which the database rolls back.
pub(crate) fn lost(error: &sqlx::Error) -> Tried {
    Tried::Again(Failure::new(FailureKind::Lost, error.to_string()))
}

/// A statement of ours that failed inside the transaction.
pub(crate) fn refused(error: sqlx::Error) -> Tried {
    if lost_connection(&error) {
        return lost(&error);
    }
    // Unless it is the values that the database refuses, nobody knows that it would do so again.
    // A broken transaction is the body's own doing: it went on after an error.
    let refusal = is_refusal(&error) || is_broken(&error);
    let failure = Failure::from_error(error.into());
    if refusal { Tried::Failed(failure) } else { Tried::Again(failure) }
}

/// What ends a body's work takes longer, on a server at ease, only when it waits for a lock, or its plan is bad.
const SLOW: Duration = Duration::from_millis(5);

async fn once(
    shared: &Arc<Shared>,
    attempt: &Attempt,
    job: Job<'_>,
    limit: Option<Duration>,
    others: Others<'_>,
) -> Tried {
    let _permit = job.permit(shared).await;
    let mut held = match job.link(shared).hold().await {
        Ok(held) => held,
        Err(error) => return Tried::Unreachable(error),
    };
    match conduct(shared, attempt, (job, others), limit, held.conn()).await {
        Ok(tried) => {
            if matches!(&tried, Tried::Committed(done) if done.slow) {
                held.suspect_plans();
            }
            held.keep();
            tried
        }
        Err(Broken::Known(tried)) => tried,
        Err(Broken::Unanswered { error, done }) => {
            // What may still be open there has to end before the row can tell.
            drop(held);
            match job.settled(shared).await {
                Some(true) => lost(&error),
                Some(false) => Tried::Committed(done),
                None => Tried::Superseded,
            }
        }
    }
}

/// How a transaction went whose connection is of no further use.
pub(crate) enum Broken {
    Known(Tried),
    /// A lost answer to a commit says nothing.
    Unanswered {
        error: sqlx::Error,
        done: Done,
    },
}

impl From<Tried> for Broken {
    fn from(tried: Tried) -> Self {
        Self::Known(tried)
    }
}

async fn conduct(
    shared: &Arc<Shared>,
    attempt: &Attempt,
    (job, others): (Job<'_>, Others<'_>),
    limit: Option<Duration>,
    conn: &mut PgConnection,
) -> Result<Tried, Broken> {
    let since = Instant::now();
    let begin = conn.begin_with(shared.connections.begin.clone());
    let mut tx = job.link(shared).in_time(begin).await.map_err(Tried::Unreachable)?;
    shared.strain.begun(since.elapsed(), Instant::now());
    let reached = failpoint::reach(job.points().begun, &mut *tx).await;
    reached.map_err(|error| Broken::Known(refused(error)))?;
    job.entered();
    let mut ctx = MutationCtx::new(attempt, &mut tx);
    match guard::run(job.run(&mut ctx), limit, &shared.cut).await {
        Ran::Returned(Ok(_)) if !tx.is_in_transaction() => Err(Tried::Failed(ended_early()).into()),
        Ran::Returned(Ok(result)) => {
            let group = group::gather(shared, &mut tx, job, others, since).await?;
            commit(shared, tx, job, Done { result, group, ..Done::default() }).await
        }
        Ran::Returned(Err(failure)) => roll_back(job.link(shared), tx, failure).await,
        // The body was cut off in the middle of what it did with the connection: away with it.
        Ran::Dropped(failure) => Err(Tried::Failed(failure).into()),
        Ran::Aborted => Err(Tried::Aborted.into()),
    }
}

/// A body that hides an error of the database, and then begins a transaction inside of its own, ends
/// that: what it does afterwards is committed by itself, and takes no part in anything.
pub(crate) fn ended_early() -> Failure {
    let text = "the transaction was over before the function was: after an error of the database it went on to begin another one. Return the error instead";
    Failure::new(FailureKind::Invalid, text)
}

pub(crate) async fn roll_back(
    link: &Link,
    tx: Transaction<'_, Postgres>,
    failure: Failure,
) -> Result<Tried, Broken> {
    match link.in_time(tx.rollback()).await {
        // The body may have hidden the error of a lost connection in one of its own.
        Err(error) if lost_connection(&error) => Err(lost(&error).into()),
        _ if failure.advice() == Advice::RunAgain => Ok(Tried::Again(failure)),
        _ => Ok(Tried::Failed(failure)),
    }
}

async fn commit(
    shared: &Shared,
    mut tx: Transaction<'_, Postgres>,
    job: Job<'_>,
    mut done: Done,
) -> Result<Tried, Broken> {
    let link = job.link(shared);
    let plainly = matches!(job, Job::Mutation(item, _) if item.ends_plainly());
    let in_company = !done.group.is_empty();
    let since = Instant::now();
    let ended = link.in_time(job.end(shared, &mut tx, &done)).await;
    done.slow = since.elapsed() > shared.strain.stretched(SLOW);
    match ended {
        Ok(Some(called)) => done.called = called,
        Ok(None) => return leave(link, tx, Tried::Superseded).await,
        Err(error) if lost_connection(&error) => return Err(lost(&error).into()),
        // It is run again: to end in the general way, or without the others, whose doing it may be.
        Err(error) if in_company || (plainly && is_refusal(&error)) => {
            return leave(link, tx, Tried::Again(Failure::from_error(error.into()))).await;
        }
        Err(error) => return leave(link, tx, refused(error)).await,
    }
    let committed = link.in_time(tx.commit()).await;
    match failpoint::answer(job.points_in(&done.group).committed, committed).await {
        Ok(()) => Ok(Tried::Committed(done)),
        Err(error) if lost_connection(&error) => Err(Broken::Unanswered { error, done }),
        // What is checked at the commit may be one of the others' doing.
        Err(error) if in_company => Ok(Tried::Again(Failure::from_error(error.into()))),
        Err(error) => Ok(refused(error)),
    }
}

/// Rolls back what did not come to its end. At once: until then it would keep what it has locked.
async fn leave(link: &Link, tx: Transaction<'_, Postgres>, tried: Tried) -> Result<Tried, Broken> {
    match link.in_time(tx.rollback()).await {
        Ok(()) => Ok(tried),
        Err(_) => Err(tried.into()),
    }
}
