//! Runs queries: a body in a read-only transaction. It has nothing to commit, so its end, which
//! writes, goes the way of an action's.

use std::time::Instant;

use sqlx::Connection;
use sqlx::postgres::PgConnection;

use super::ends::Verdict;
use super::executor::Item;
use super::guard::{self, Ran};
use super::shared::Shared;
use super::transaction::{Again, Broken, Done, Tried, refused, roll_back};
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
    let attempt = shared.attempt(item.row.id, item.key(), &item.canceled);
    let mut again = Again::new(shared);
    loop {
        let tried = once(shared, &attempt, item, spec, handler).await;
        return match again.judge(tried).await {
            None => continue,
            Some(Tried::Committed(done)) => Some(Verdict::Success(done.result)),
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
    let _permit = shared.permits.acquire(&item.pool).await;
    let mut held = match shared.connections.bodies.hold().await {
        Ok(held) => held,
        Err(error) => return Tried::Unreachable(error),
    };
    match conduct(shared, attempt, item, (spec, handler), held.conn()).await {
        Ok(tried) => {
            held.keep();
            tried
        }
        Err(Broken::Known(tried)) => tried,
        // A lost answer to a rollback: nothing was written.
        Err(Broken::Unanswered { error, .. }) => refused(error),
    }
}

async fn conduct(
    shared: &Shared,
    attempt: &Attempt,
    item: &Item,
    (spec, handler): (&FunctionSpec, QueryFn),
    conn: &mut PgConnection,
) -> Result<Tried, Broken> {
    let bodies = &shared.connections.bodies;
    let begin = conn.begin_with(shared.connections.begin_reading.clone());
    let mut tx = bodies.in_time(begin).await.map_err(Tried::Unreachable)?;
    item.entered(Instant::now());
    let mut ctx = QueryCtx { attempt, conn: &mut tx };
    let body = async { handler(&mut ctx, &item.row.args).await };
    match guard::run(body, spec.timeout, &shared.cut).await {
        Ran::Returned(Ok(result)) => match bodies.in_time(tx.rollback()).await {
            Ok(()) => Ok(Tried::Committed(Done { result, ..Done::default() })),
            Err(error) => Err(refused(error).into()),
        },
        Ran::Returned(Err(failure)) => roll_back(bodies, tx, failure).await,
        Ran::Dropped(failure) => Err(Tried::Failed(failure).into()),
        Ran::Aborted => Err(Tried::Aborted.into()),
    }
}
