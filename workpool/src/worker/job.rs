//! What one transaction is for: a mutation or a callback, its body, and its end.

use std::time::Instant;

use sqlx::postgres::PgConnection;
use tokio::time::sleep;
use uuid::Uuid;

use super::callbacks;
use super::ends::Verdict;
use super::executor::Item;
use super::group::Group;
use super::permits::Permit;
use super::shared::Shared;
use super::transaction::Done;
use crate::context::{Attempt, MutationCtx};
use crate::failpoint::{self, Point};
use crate::failure::Failure;
use crate::registry::HandlerFuture;
use crate::store::{Link, RawCallback, SqlResult};

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
pub(crate) struct Points {
    pub(crate) begun: Point,
    pub(crate) ran: Point,
    pub(crate) ended: Point,
    pub(crate) committed: Point,
}

impl Job<'_> {
    /// A callback has a place already; see `callbacks`.
    pub(crate) async fn permit(&self, shared: &Shared) -> Option<Permit> {
        match self {
            Self::Mutation(item, _) => Some(shared.permits.acquire(&item.pool).await),
            Self::Callback(..) => None,
        }
    }

    pub(crate) fn link<'s>(&self, shared: &'s Shared) -> &'s Link {
        match self {
            Self::Mutation(..) => &shared.connections.bodies,
            Self::Callback(..) => &shared.connections.callbacks,
        }
    }

    pub(crate) fn entered(&self) {
        if let Self::Mutation(item, _) = self {
            item.entered(Instant::now());
        }
    }

    /// The context that its body is given.
    pub(crate) fn attempt(&self, shared: &Shared) -> Attempt {
        match self {
            Self::Mutation(item, _) => shared.attempt(item.row.id, item.key(), &item.canceled),
            Self::Callback(callback, _) => {
                let key = (callback.attempt, callback.fence);
                shared.attempt(callback.id, key, &shared.cancellation())
            }
        }
    }

    /// What it has in common with those that may share its transaction.
    pub(crate) fn of(&self) -> &str {
        match self {
            Self::Mutation(item, _) => &item.pool,
            Self::Callback(callback, _) => &callback.callback,
        }
    }

    /// Runs its body, and writes what that has enqueued.
    pub(crate) async fn run(&self, ctx: &mut MutationCtx<'_>) -> Result<String, Failure> {
        let result = self.body(ctx).await?;
        ctx.flush().await.map_err(|error| Failure::from_error(error.into()))?;
        Ok(result)
    }

    async fn body(&self, ctx: &mut MutationCtx<'_>) -> Result<String, Failure> {
        match self {
            Self::Mutation(item, run) => run(ctx, &item.row.args).await,
            Self::Callback(callback, run) => {
                run(ctx, callback.completion.clone()).await.map(|()| String::new())
            }
        }
    }

    /// Writes the end inside the transaction, and those of its group. None: superseded.
    pub(crate) async fn end(
        &self,
        shared: &Shared,
        tx: &mut PgConnection,
        done: &Done,
    ) -> SqlResult<Option<Vec<RawCallback>>> {
        let points = self.points_in(&done.group);
        failpoint::reach(points.ran, &mut *tx).await?;
        let ended = match self {
            Self::Mutation(item, _) if item.ends_plainly() => {
                let all = plain_end(shared, tx, item, done).await;
                all.inspect_err(|error| item.refused(error))?.then(Vec::new)
            }
            Self::Mutation(item, _) => general_end(shared, tx, item, &done.result).await?,
            Self::Callback(callback, _) => {
                callback_end(shared, tx, callback, done).await?.then(Vec::new)
            }
        };
        failpoint::reach(points.ended, tx).await?;
        Ok(ended)
    }

    /// The failpoints of its transaction, with those that share it.
    pub(crate) const fn points_in(&self, group: &Group) -> Points {
        if group.is_empty() { self.points() } else { self.points_of_several() }
    }

    /// The failpoints of a transaction that others share.
    pub(crate) const fn points_of_several(&self) -> Points {
        match self {
            Self::Mutation(..) => Points {
                begun: failpoint::GROUP_BEGUN,
                ran: failpoint::GROUP_RAN,
                ended: failpoint::GROUP_ENDED,
                committed: failpoint::GROUP_COMMITTED,
            },
            Self::Callback(..) => Points {
                begun: failpoint::CALLBACKS_BEGUN,
                ran: failpoint::CALLBACKS_RAN,
                ended: failpoint::CALLBACKS_ENDED,
                committed: failpoint::CALLBACKS_COMMITTED,
            },
        }
    }

    /// The failpoints of its transaction.
    pub(crate) const fn points(&self) -> Points {
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
    pub(crate) async fn settled(&self, shared: &Shared) -> Option<bool> {
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
            Self::Mutation(item, _) => item.place(),
            Self::Callback(callback, _) => (callback.id, callback.fence),
        }
    }
}

/// Ends a success that calls nobody back, and its group. False: it is superseded.
async fn plain_end(
    shared: &Shared,
    tx: &mut PgConnection,
    item: &Item,
    done: &Done,
) -> SqlResult<bool> {
    let (store, worker, (id, fence)) = (shared.store(), shared.worker, item.place());
    if done.group.items.is_empty() {
        let ended = store.succeed(tx, worker, fence, &[(id, &done.result)]).await?;
        return Ok(!ended.is_empty());
    }
    let members = done.group.members(item, &done.result);
    let ended = store.succeed_group(tx, worker, (id, fence), &members).await?;
    Ok(ended.len() == members.len())
}

async fn general_end(
    shared: &Shared,
    tx: &mut PgConnection,
    item: &Item,
    result: &str,
) -> SqlResult<Option<Vec<RawCallback>>> {
    let end = [item.ended(&Verdict::Success(result.to_owned()))];
    let known = callbacks::at_once(shared, false);
    let fence = item.row.fence;
    let done = shared.store().finish(tx, shared.worker, fence, &end, known).await?;
    Ok((!done.ids.is_empty()).then_some(done.callbacks))
}

/// Ends a callback and its group. False: one of them is superseded.
async fn callback_end(
    shared: &Shared,
    tx: &mut PgConnection,
    callback: &RawCallback,
    done: &Done,
) -> SqlResult<bool> {
    let mut ids = vec![callback.id];
    ids.extend(&done.group.callbacks);
    let ended = shared.store().finish_callbacks(tx, shared.worker, &ids, callback.fence).await?;
    Ok(ended == ids.len() as u64)
}
