//! The connections of a worker, apart from the application's: what one part uses up, another does
//! not miss.

use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;

use super::settings::Settings;
use crate::handle::Workpool;

/// For the loops; for the ends of attempts; for the transactions of mutations.
pub(crate) fn open(workpool: &Workpool, settings: &Settings) -> (PgPool, PgPool, PgPool) {
    let control = pool(workpool, "workpool", 5, Some("10s"));
    // An end does not wait long for a row that somebody's transaction holds: others come first.
    let ending = pool(workpool, "workpool ends", 2, Some("200ms"));
    let bodies = pool(workpool, "workpool mutations", settings.transactions, None);
    (control, ending, bodies)
}

/// Statements of ours get bounds, whatever the defaults of the database are; those of a mutation
/// are its author's business.
fn pool(workpool: &Workpool, name: &str, size: u32, lock_timeout: Option<&'static str>) -> PgPool {
    let options = workpool.db().connect_options();
    PgPoolOptions::new()
        .max_connections(size)
        .acquire_timeout(Duration::from_secs(10))
        .test_before_acquire(false)
        .after_connect(move |conn, _| {
            Box::pin(async move {
                let Some(lock_timeout) = lock_timeout else { return Ok(()) };
                sqlx::query(
                    "SELECT set_config('default_transaction_isolation', 'read committed', false), \
                     set_config('statement_timeout', '60s', false), \
                     set_config('lock_timeout', $1, false)",
                )
                .bind(lock_timeout)
                .execute(conn)
                .await
                .map(drop)
            })
        })
        .connect_lazy_with(options.as_ref().clone().application_name(name))
}
