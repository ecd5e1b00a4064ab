//! What keeps the tables small and people informed: pruning, reports, stray rows, unknown
//! functions. Any worker does it; none has to.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgConnection;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::shared::Shared;
use crate::store::SqlResult;
use crate::telemetry;

/// Rows per statement, and statements per round.
const PRUNE: u64 = 1000;
const ROUNDS: u32 = 50;
/// Rows of the slow walk over all work.
const WALK: i64 = 5000;

/// Pools whose numbers are asked for at once.
const REPORTS: usize = 100;
/// Between rounds while there is more to prune.
const MORE: Duration = Duration::from_millis(100);

/// Runs until the worker stops.
pub(crate) async fn run(shared: Arc<Shared>, done: CancellationToken) {
    let mut backoff = shared.backoff("maintenance");
    let mut walked = Uuid::nil();
    let mut minute = Instant::now();
    let mut warned = BTreeSet::new();
    loop {
        let pause = match round(&shared, &mut walked, &mut minute, &mut warned).await {
            Ok(more) => {
                backoff.succeeded();
                let usual = shared.settings.heartbeat * 3;
                if more { MORE } else { usual.mul_f64(rand::random_range(0.75..1.25)) }
            }
            Err(error) => backoff.failed(&error),
        };
        tokio::select! {
            () = sleep(pause) => {}
            () = done.cancelled() => return,
        }
    }
}

/// Does all of it once. True: there is more to prune.
async fn round(
    shared: &Shared,
    walked: &mut Uuid,
    minute: &mut Instant,
    warned: &mut BTreeSet<String>,
) -> SqlResult<bool> {
    let (store, rows) = (shared.store(), i64::try_from(PRUNE).unwrap_or(1));
    let mut more = true;
    for _ in 0..ROUNDS {
        let pruned = shared.control(async |conn| store.prune(conn, rows).await).await?;
        more = pruned == PRUNE;
        if !more || shared.stop.is_cancelled() {
            break;
        }
    }
    report(shared).await?;
    *walked = walk(shared, *walked).await?;
    if Instant::now() >= *minute {
        *minute = Instant::now() + Duration::from_mins(1);
        shared.control(async |conn| store.prune_stats(conn).await).await?;
        shared.control(async |conn| store.condense_stats(conn).await).await?;
        shared.control(async |conn| store.prune_audit(conn).await).await?;
        warn_of_unknown_functions(shared, warned).await?;
    }
    Ok(more)
}

/// The minute reports of those pools that nobody else has reported.
async fn report(shared: &Shared) -> SqlResult<()> {
    let store = shared.store();
    let pools = shared.control(async |conn| store.pools(conn, None).await).await?;
    let served: Vec<_> =
        pools.iter().map(|row| &*row.name).filter(|pool| shared.settings.serves(pool)).collect();
    let window = shared.settings.report.as_secs_f64();
    let elected = async |conn: &mut PgConnection| store.elect_report(conn, &served, window).await;
    #[cfg(feature = "metrics")]
    let asked = std::time::Instant::now();
    let elected = shared.control(elected).await?;
    for part in elected.chunks(REPORTS) {
        let pools: Vec<_> =
            part.iter().map(|(pool, since, until)| (&**pool, Some((*since, *until)))).collect();
        let stats = async |conn: &mut PgConnection| store.stats(conn, &pools).await;
        for counts in shared.control(stats).await? {
            let pool = &*counts.pool;
            telemetry::report(&shared.log(&pool.into()), pool, &counts);
            #[cfg(feature = "metrics")]
            super::measure::look(shared, &counts).await?;
        }
    }
    #[cfg(feature = "metrics")]
    shared.meter.forget_looks(shared.settings.report, asked);
    Ok(())
}

/// Looks for rows whose worker is not known at all, a page at a time, over and over.
async fn walk(shared: &Shared, after: Uuid) -> SqlResult<Uuid> {
    let store = shared.store();
    let step = shared.control(async |conn| store.orphans(conn, after, WALK).await).await?;
    for worker in &step.unknown {
        telemetry::unknown_worker(*worker);
    }
    Ok(step.last.unwrap_or(Uuid::nil()))
}

/// Once for each function that nobody knows, and again when it comes back.
async fn warn_of_unknown_functions(
    shared: &Shared,
    warned: &mut BTreeSet<String>,
) -> SqlResult<()> {
    let store = shared.store();
    let unknown = shared.control(async |conn| store.unknown_functions(conn).await).await?;
    for (function, pool, items) in unknown.iter().filter(|(name, ..)| !warned.contains(name)) {
        telemetry::unknown_function(function, pool, *items);
    }
    *warned = unknown.into_iter().map(|(function, ..)| function).collect();
    Ok(())
}
