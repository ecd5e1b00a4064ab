//! The connections of a worker, apart from the application's.

use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;

use super::settings::Settings;
use crate::handle::Workpool;

/// Connections for the loops, and others for the bodies of mutations: neither can use up the
/// other's, nor the application's.
pub(crate) fn open(workpool: &Workpool, settings: &Settings) -> (PgPool, PgPool) {
    let options = workpool.db().connect_options();
    let named = |name: &str| options.as_ref().clone().application_name(name);
    let control = PgPoolOptions::new()
        .max_connections(6)
        .acquire_timeout(Duration::from_secs(10))
        .test_before_acquire(false)
        .after_connect(|conn, _| {
            Box::pin(async move {
                sqlx::query("SET default_transaction_isolation = 'read committed'")
                    .execute(&mut *conn)
                    .await?;
                sqlx::query("SET statement_timeout = '60s'").execute(&mut *conn).await?;
                Ok(())
            })
        })
        .connect_lazy_with(named("workpool"));
    let bodies = PgPoolOptions::new()
        .max_connections(settings.transactions)
        .acquire_timeout(Duration::from_secs(10))
        .test_before_acquire(false)
        .connect_lazy_with(named("workpool mutations"));
    (control, bodies)
}
