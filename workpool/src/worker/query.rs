//! Runs queries: a body in a read-only transaction. It has nothing to commit, so its end, which
//! writes, goes the way of an action's.

use sqlx::Connection;

use super::ends::Verdict;
use super::executor::Item;
use super::guard::{self, Ran};
use super::shared::Shared;
use super::transaction::{Again, Tried, refused, roll_back};
use crate::context::{Attempt, QueryCtx};
use crate::function::FunctionSpec;
use crate::registry::HandlerFuture;

/// The handler of a query.
pub(crate) type QueryFn =
    for<'a, 't> fn(&'a mut QueryCtx<'t>, &'a str) -> HandlerFuture<'a, String>;

/// Runs a query in a read-only transaction. Its end, which writes, comes later.
pub(crate) async fn run(
    shared: &Shared,
    item: &Item,
    spec: &FunctionSpec,
    handler: QueryFn,
) -> Option<Verdict> {
    let attempt = shared.attempt(item.row.id, item.key(), item.canceled.clone());
    let mut again = Again::new(shared);
    loop {
        let tried = once(shared, &attempt, item, spec, handler).await;
        return match again.judge(tried).await {
            None => continue,
            Some(Tried::Committed(result, _)) => Some(Verdict::Success(result)),
            Some(Tried::Failed(failure) | Tried::Again(failure)) => Some(Verdict::Failed(failure)),
            Some(_) => Some(Verdict::Release),
        };
    }
}

async fn once(
    shared: &Shared,
    attempt: &Attempt,
    item: &Item,
    spec: &FunctionSpec,
    handler: QueryFn,
) -> Tried {
    const BEGIN_READING: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY";
    let _permit = shared.permits.acquire(&item.pool).await;
    let mut conn = match shared.connections.bodies.acquire().await {
        Ok(conn) => conn,
        Err(error) => return Tried::Unreachable(error),
    };
    let mut tx = match conn.begin_with(BEGIN_READING).await {
        Ok(tx) => tx,
        Err(error) => return Tried::Unreachable(error),
    };
    item.entered(shared);
    let mut ctx = QueryCtx { attempt, conn: &mut tx };
    let body = async { handler(&mut ctx, &item.row.args).await };
    match guard::run(body, spec.timeout, &shared.cut).await {
        Ran::Returned(Ok(result)) => match tx.rollback().await {
            Ok(()) => Tried::Committed(result, Vec::new()),
            Err(error) => refused(error),
        },
        Ran::Returned(Err(failure)) => roll_back(tx, failure).await,
        Ran::Dropped(failure) => {
            drop(tx);
            drop(conn.detach());
            Tried::Failed(failure)
        }
        Ran::Aborted => {
            drop(tx);
            drop(conn.detach());
            Tried::Aborted
        }
    }
}
