//! Runs a body inside a database transaction that also carries the end of its work: effects and
//! end commit together, once. What the database rolls back by itself is run again.

use std::time::Duration;

use sqlx::postgres::PgConnection;
use sqlx::{Connection, Postgres, Transaction};
use tokio::time::sleep;
use uuid::Uuid;

use super::ends::Verdict;
use super::executor::Item;
use super::guard::{self, Ran};
use super::permits::Permit;
use super::shared::Shared;
use super::{after, callbacks};
use crate::backoff::Backoff;
use crate::context::{Attempt, MutationCtx};
use crate::failpoint::{self, Point};
use crate::failure::{Advice, Failure, FailureKind};
use crate::function::FunctionSpec;
use crate::meter;
use crate::registry::HandlerFuture;
use crate::store::{Link, RawCallback, SqlResult, is_broken, is_refusal, lost_connection};

/// The handler of a mutation.
pub(crate) type MutationFn =
    for<'a, 't> fn(&'a mut MutationCtx<'t>, &'a str) -> HandlerFuture<'a, String>;
/// The handler of a callback.
pub(crate) type CallbackFn = for<'a, 't> fn(
    &'a mut MutationCtx<'t>,
    crate::function::RawCompletion,
) -> HandlerFuture<'a, ()>;

/// What a transaction is for.
#[derive(Clone, Copy)]
pub(crate) enum Job<'a> {
    Mutation(&'a Item, MutationFn),
    Callback(&'a RawCallback, CallbackFn),
}

/// The failpoints of one job's transaction.
struct Points {
    begun: Point,
    ran: Point,
    ended: Point,
    committed: Point,
}

/// How one transaction went.
pub(crate) enum Tried {
    /// It has committed: the result, and callbacks that are ours now.
    Committed(String, Vec<RawCallback>),
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
    shared: &Shared,
    item: &Item,
    spec: &FunctionSpec,
    run: MutationFn,
) -> Option<Verdict> {
    let attempt = shared.attempt(item.row.id, item.key(), item.canceled.clone());
    match repeat(shared, &attempt, Job::Mutation(item, run), spec.timeout).await {
        Tried::Committed(result, called) => {
            after::ended(shared, &item.end(Verdict::Success(result)), true);
            for callback in called {
                callbacks::hand_over(shared, callback);
            }
            after::freed(shared, &item.pool, 1, None).await;
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
    shared: &Shared,
    attempt: &Attempt,
    job: Job<'_>,
    limit: Option<Duration>,
) -> Tried {
    let mut again = Again::new(shared);
    loop {
        if let Some(decided) = again.judge(once(shared, attempt, job, limit).await).await {
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
fn lost(error: &sqlx::Error) -> Tried {
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

async fn once(shared: &Shared, attempt: &Attempt, job: Job<'_>, limit: Option<Duration>) -> Tried {
    let _permit = job.permit(shared).await;
    let mut held = match job.link(shared).hold().await {
        Ok(held) => held,
        Err(error) => return Tried::Unreachable(error),
    };
    match conduct(shared, attempt, job, limit, held.conn()).await {
        Ok(tried) => {
            held.keep();
            tried
        }
        Err(Broken::Known(tried)) => tried,
        Err(Broken::Unanswered { error, result, called }) => {
            // What may still be open there has to end before the row can tell.
            drop(held);
            match job.settled(shared).await {
                Some(true) => lost(&error),
                Some(false) => Tried::Committed(result, called),
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
        result: String,
        called: Vec<RawCallback>,
    },
}

impl From<Tried> for Broken {
    fn from(tried: Tried) -> Self {
        Self::Known(tried)
    }
}

async fn conduct(
    shared: &Shared,
    attempt: &Attempt,
    job: Job<'_>,
    limit: Option<Duration>,
    conn: &mut PgConnection,
) -> Result<Tried, Broken> {
    let begin = conn.begin_with(shared.connections.begin.clone());
    let mut tx = job.link(shared).in_time(begin).await.map_err(Tried::Unreachable)?;
    let reached = failpoint::reach(job.points().begun, &mut *tx).await;
    reached.map_err(|error| Broken::Known(refused(error)))?;
    job.entered(shared);
    let mut ctx = MutationCtx::new(attempt, &mut tx);
    let body = async {
        let result = job.body(&mut ctx).await?;
        ctx.flush().await.map_err(|error| Failure::from_error(error.into()))?;
        Ok(result)
    };
    match guard::run(body, limit, &shared.cut).await {
        Ran::Returned(Ok(result)) => commit(shared, tx, job, result).await,
        Ran::Returned(Err(failure)) => roll_back(job.link(shared), tx, failure).await,
        // The body was cut off in the middle of what it did with the connection: away with it.
        Ran::Dropped(failure) => Err(Tried::Failed(failure).into()),
        Ran::Aborted => Err(Tried::Aborted.into()),
    }
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
    result: String,
) -> Result<Tried, Broken> {
    let link = job.link(shared);
    let plainly = matches!(job, Job::Mutation(item, _) if item.ends_plainly());
    let called = match link.in_time(job.end(shared, &mut tx, &result)).await {
        Ok(Some(called)) => called,
        Ok(None) => {
            let rolled_back = link.in_time(tx.rollback()).await;
            return rolled_back.map(|()| Tried::Superseded).map_err(|_| Tried::Superseded.into());
        }
        Err(error) if lost_connection(&error) => return Err(lost(&error).into()),
        // It is run again, to end in the general way.
        Err(error) if plainly && is_refusal(&error) => {
            return Ok(Tried::Again(Failure::from_error(error.into())));
        }
        Err(error) => return Ok(refused(error)),
    };
    let committed = link.in_time(tx.commit()).await;
    match failpoint::answer(job.points().committed, committed).await {
        Ok(()) => Ok(Tried::Committed(result, called)),
        Err(error) if lost_connection(&error) => Err(Broken::Unanswered { error, result, called }),
        Err(error) => Ok(refused(error)),
    }
}

impl Job<'_> {
    /// A callback has a place already; see `callbacks`.
    async fn permit(&self, shared: &Shared) -> Option<Permit> {
        match self {
            Self::Mutation(item, _) => Some(shared.permits.acquire(&item.pool).await),
            Self::Callback(..) => None,
        }
    }

    fn link<'s>(&self, shared: &'s Shared) -> &'s Link {
        match self {
            Self::Mutation(..) => &shared.connections.bodies,
            Self::Callback(..) => &shared.connections.callbacks,
        }
    }

    fn entered(&self, shared: &Shared) {
        if let Self::Mutation(item, _) = self {
            item.entered(shared);
        }
    }

    async fn body(&self, ctx: &mut MutationCtx<'_>) -> Result<String, Failure> {
        match self {
            Self::Mutation(item, run) => run(ctx, &item.row.args).await,
            Self::Callback(callback, run) => {
                run(ctx, callback.completion.clone()).await.map(|()| String::new())
            }
        }
    }

    /// Writes the end inside the transaction. None: superseded.
    async fn end(
        &self,
        shared: &Shared,
        tx: &mut PgConnection,
        result: &str,
    ) -> SqlResult<Option<Vec<RawCallback>>> {
        let (store, worker) = (shared.store(), shared.worker);
        failpoint::reach(self.points().ran, &mut *tx).await?;
        let ended = match self {
            Self::Mutation(item, _) => {
                if item.ends_plainly() {
                    let end = [(item.row.id, result)];
                    let done = store.succeed(&mut *tx, worker, item.row.fence, &end).await;
                    let done = done.inspect_err(|error| item.refused(error))?;
                    failpoint::reach(self.points().ended, tx).await?;
                    return Ok((!done.is_empty()).then(Vec::new));
                }
                let success = Verdict::Success(result.to_owned());
                let end = [item.ended(&success)];
                let known = callbacks::at_once(shared, false);
                let done = store.finish(&mut *tx, worker, item.row.fence, &end, known).await?;
                (!done.ids.is_empty()).then_some(done.callbacks)
            }
            Self::Callback(callback, _) => {
                let (id, fence) = (callback.id, callback.fence);
                let done = store.finish_callback(&mut *tx, worker, id, fence).await?;
                done.then(Vec::new)
            }
        };
        failpoint::reach(self.points().ended, tx).await?;
        Ok(ended)
    }

    /// The failpoints of its transaction.
    const fn points(&self) -> Points {
        match self {
            Self::Mutation(..) => Points {
                begun: failpoint::MUTATION_BEGUN,
                ran: failpoint::MUTATION_RAN,
                ended: failpoint::MUTATION_ENDED,
                committed: failpoint::MUTATION_COMMITTED,
            },
            Self::Callback(..) => Points {
                begun: failpoint::CALLBACK_BEGUN,
                ran: failpoint::CALLBACK_RAN,
                ended: failpoint::CALLBACK_ENDED,
                committed: failpoint::CALLBACK_COMMITTED,
            },
        }
    }

    /// Whether the row is still ours after a commit whose answer was lost; none when this worker
    /// ends before the database can be asked.
    async fn settled(&self, shared: &Shared) -> Option<bool> {
        let mut backoff = shared.backoff("commit without an answer");
        while !shared.cut.is_cancelled() {
            match self.held(shared).await {
                Ok(held) => {
                    backoff.succeeded();
                    return Some(held);
                }
                Err(error) => sleep(backoff.failed(&error)).await,
            }
        }
        None
    }

    async fn held(&self, shared: &Shared) -> SqlResult<bool> {
        let (store, worker) = (shared.store(), shared.worker);
        let (id, fence) = self.key();
        let held = async |conn: &mut PgConnection| match self {
            Self::Mutation(..) => store.held(conn, id, worker, fence).await,
            Self::Callback(..) => store.held_callback(conn, worker, id, fence).await,
        };
        shared.control(held).await
    }

    fn key(&self) -> (Uuid, i32) {
        match self {
            Self::Mutation(item, _) => (item.row.id, item.row.fence),
            Self::Callback(callback, _) => (callback.id, callback.fence),
        }
    }
}
