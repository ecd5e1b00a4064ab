//! Renews the lease, on a thread, a runtime and a connection of its own: a handler that blocks the
//! application's runtime does not make its worker look dead.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::shared::Shared;
use crate::backoff::Backoff;
use crate::meter;
use crate::store::{SqlResult, operate};
use crate::telemetry;

/// Starts the thread. It ends when the lease is lost, or when `stop` fires.
pub(crate) fn start(shared: Arc<Shared>, stop: CancellationToken) -> std::thread::JoinHandle<()> {
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        match runtime {
            Ok(runtime) => runtime.block_on(beat(&shared, &stop)),
            Err(error) => telemetry::trouble("heartbeat", &error),
        }
    };
    std::thread::Builder::new()
        .name("workpool-heartbeat".into())
        .spawn(run)
        .expect("the system has room for a thread")
}

async fn beat(shared: &Shared, stop: &CancellationToken) {
    let options = &shared.connections.options;
    let mut backoff = shared.backoff("heartbeat");
    let mut conn = None;
    while !stop.is_cancelled() {
        let pause = match renew(shared, options, &mut conn).await {
            Ok(true) => {
                backoff.succeeded();
                shared.settings.heartbeat
            }
            Ok(false) => {
                telemetry::worker_lost(shared.worker);
                meter::lease_lost();
                return shared.lease.lost.cancel();
            }
            Err(error) => {
                meter::failed(&error);
                conn = None;
                retry_pause(&mut backoff, &error, shared.settings.heartbeat)
            }
        };
        tokio::select! {
            () = sleep(pause) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Sooner than the next beat would come, so that a short outage does not cost the lease.
fn retry_pause(backoff: &mut Backoff, error: &sqlx::Error, heartbeat: Duration) -> Duration {
    backoff.failed(error).min(heartbeat)
}

async fn renew(
    shared: &Shared,
    options: &PgConnectOptions,
    conn: &mut Option<PgConnection>,
) -> SqlResult<bool> {
    let lease = shared.settings.lease;
    let connected = conn.is_some();
    let run = async {
        let open = match conn {
            Some(open) => open,
            None => conn.insert(options.connect().await?),
        };
        let sent = Instant::now();
        let (store, worker) = (shared.store(), shared.worker);
        let renew = async |conn: &mut PgConnection| store.renew(conn, worker, lease).await;
        let alive = operate(open, shared.connections.begin_renewal.as_ref(), renew).await?;
        if alive {
            shared.lease.renewed(sent, lease);
        }
        Ok(alive)
    };
    // A renewal without an answer is given up, with its connection, in time for another one. To
    // connect takes several round trips: where the network is slow, a quarter would never do.
    let bound = lease / if connected { 4 } else { 2 };
    let bound = bound.max(Duration::from_millis(100));
    let late = || sqlx::Error::Protocol("no answer to a heartbeat in time".into());
    let answer = timeout(bound, run).await.unwrap_or_else(|_| Err(late()));
    if answer.is_err()
        && let Some(broken) = conn.take()
    {
        drop(timeout(bound, broken.close_hard()).await);
    }
    answer
}
