//! The connections of a worker, apart from the application's: what one part uses up, another does
//! not miss.

use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::{PgConnection, PgPoolOptions};
use tokio::time::timeout;

use super::permits::BESIDE;
use super::settings::Settings;
use crate::handle::Workpool;
use crate::store::SqlResult;

/// What a connection is for.
#[derive(Debug, Clone, Copy)]
enum Purpose {
    /// The loops.
    Control,
    /// The ends of attempts, which give up waiting for a lock soon: others come first.
    Ending,
    /// The transactions of mutations, queries and callbacks.
    Bodies,
}

/// The connections of one worker.
#[derive(Debug, Clone)]
pub(crate) struct Connections {
    pub(crate) control: PgPool,
    pub(crate) ending: PgPool,
    pub(crate) bodies: PgPool,
    pub(crate) callbacks: PgPool,
}

impl Connections {
    pub(crate) fn open(workpool: &Workpool, settings: &Settings) -> Self {
        let pool = |name, purpose, size| pool(workpool, settings, name, purpose, size);
        Self {
            control: pool("workpool", Purpose::Control, 5),
            ending: pool("workpool ends", Purpose::Ending, 2),
            bodies: pool("workpool mutations", Purpose::Bodies, settings.transactions + BESIDE),
            callbacks: pool("workpool callbacks", Purpose::Bodies, settings.callbacks),
        }
    }

    /// Closes all of them, but waits for none that somebody does not give back.
    pub(crate) async fn close(&self, patience: Duration) {
        for pool in [&self.control, &self.ending, &self.bodies, &self.callbacks] {
            let _ = timeout(patience, pool.close()).await;
        }
    }
}

fn pool(
    workpool: &Workpool,
    settings: &Settings,
    name: &str,
    purpose: Purpose,
    size: u32,
) -> PgPool {
    // Whoever is frozen or cut off inside a transaction of ours must not hold its locks for long.
    let idle = match purpose {
        Purpose::Control | Purpose::Ending => Duration::from_secs(10),
        // What a body does between its statements is its own business, within reason.
        Purpose::Bodies => (settings.lease * 2).max(Duration::from_mins(10)),
    };
    let idle = format!("{}ms", idle.as_millis());
    let options = workpool.db().connect_options();
    PgPoolOptions::new()
        .max_connections(size)
        .acquire_timeout(Duration::from_secs(10))
        .test_before_acquire(false)
        .after_connect(move |conn, _| {
            let idle = idle.clone();
            Box::pin(async move { set_up(conn, purpose, &idle).await })
        })
        .connect_lazy_with(options.as_ref().clone().application_name(name))
}

/// Sets what our statements rely on, whatever the defaults of the database are; what a body runs
/// is its author's business.
async fn set_up(conn: &mut PgConnection, purpose: Purpose, idle: &str) -> SqlResult<()> {
    let keep = [
        ("idle_in_transaction_session_timeout", idle),
        ("tcp_keepalives_idle", "15"),
        ("tcp_keepalives_interval", "5"),
        ("tcp_keepalives_count", "3"),
    ];
    let lock_timeout = if matches!(purpose, Purpose::Ending) { "200ms" } else { "10s" };
    let plain = [
        ("default_transaction_isolation", "read committed"),
        ("statement_timeout", "60s"),
        ("lock_timeout", lock_timeout),
        // Their tables are often larger than the planner knows; our statements go by their indexes.
        ("enable_seqscan", "off"),
        ("enable_bitmapscan", "off"),
        // With scans off, a small table without an index seems so costly that it would be compiled.
        ("jit", "off"),
    ];
    let plain = plain.iter().filter(|_| !matches!(purpose, Purpose::Bodies));
    let (names, values): (Vec<_>, Vec<_>) = keep.iter().chain(plain).copied().unzip();
    sqlx::query("SELECT set_config(s.name, s.value, false) FROM unnest($1::text[], $2::text[]) AS s (name, value)")
        .bind(names)
        .bind(values)
        .execute(conn)
        .await
        .map(drop)
}
