//! The worker: runs what is due, in this process, until it is shut down.
//!
//! One task claims (`dispatcher`), one task an item runs it (`executor`, `transaction`), one task
//! writes how they ended (`completer`), one runs callbacks, one looks at pools and cancels (`sync`),
//! one recovers the work of dead workers, one keeps house, and a thread renews the lease.

mod after;
mod ahead;
mod asks;
mod awaited;
mod begin;
#[cfg(feature = "testing")]
pub(crate) mod bench;
mod beside;
mod bounds;
mod callbacks;
mod caution;
mod claims;
mod completer;
mod connections;
mod crowd;
mod dispatcher;
mod ends;
mod executor;
mod group;
mod guard;
mod heartbeat;
mod held;
mod inbox;
mod job;
mod lease;
mod life;
mod maintenance;
#[cfg(feature = "metrics")]
mod measure;
mod pace;
mod permits;
mod pools;
#[cfg(feature = "health")]
mod pulse;
mod query;
mod recovery;
mod settings;
mod shared;
mod silence;
mod starter;
mod strain;
mod sync;
mod transaction;
mod turn;

use std::fmt;
use std::sync::{Arc, Mutex};

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::connections::Connections;
use self::life::Life;
use self::settings::Settings;
use self::shared::{Parts, Shared};
use crate::backoff::{Backoff, Troubles};
use crate::context::State;
use crate::error::Result;
use crate::handle::Workpool;
use crate::registry::Registry;
use crate::telemetry;

#[cfg(feature = "health")]
pub(crate) use self::pulse::Pulse;
pub use self::settings::WorkerBuilder;

/// A running worker. Made by [`Workpool::worker`]`().start()`.
///
/// Call [`shutdown`](Self::shutdown) before the process ends: then what runs may end, and the rest
/// is handed back. Dropping it has the worker stop claiming and end on its own, unless the runtime
/// ends first; what was running then is recovered when the lease runs out.
#[must_use = "dropping it stops the worker"]
pub struct Worker {
    task: Option<JoinHandle<()>>,
    now: Arc<Now>,
}

/// The present life of a worker.
struct Now {
    shared: Mutex<Arc<Shared>>,
    troubles: Arc<Troubles>,
    /// It is to end.
    stop: CancellationToken,
    /// It has.
    ended: CancellationToken,
}

impl Worker {
    /// The id under which it is registered now. A worker that lost its lease gets another one.
    #[must_use]
    pub fn id(&self) -> Uuid {
        self.now.current().worker
    }

    /// Whether its lease is valid and every loop's latest try succeeded. Red while the database
    /// cannot be reached; the loops go on for ever, and it becomes green again.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.now.troubles.is_none() && self.now.current().lease.is_valid()
    }

    #[cfg(feature = "health")]
    pub(crate) fn pulse(&self) -> Pulse {
        Pulse(Arc::clone(&self.now))
    }

    /// Stops claiming, lets what runs end (for at most the grace), hands back the rest, and lets
    /// go of the lease, which is renewed until then. Callbacks that have not begun are among what is
    /// handed back: another worker runs them, or the next one to start.
    ///
    /// # Cancel safety
    ///
    /// The shutdown goes on when the future is dropped.
    pub async fn shutdown(mut self) {
        self.now.stop.cancel();
        if let Some(task) = self.task.take() {
            let _ = task.await;
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.now.stop.cancel();
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").field("id", &self.id()).finish_non_exhaustive()
    }
}

impl Now {
    fn current(&self) -> Arc<Shared> {
        Arc::clone(&self.shared.lock().expect("no code panics with this lock"))
    }

    fn set(&self, life: &Life) {
        *self.shared.lock().expect("no code panics with this lock") = Arc::clone(&life.shared);
    }
}

/// Checks everything, registers, and starts the tasks.
async fn start(workpool: Workpool, settings: Settings, state: State) -> Result<Worker> {
    settings.check()?;
    let registry = Registry::collect(false)?;
    registry.check_names(settings.functions.iter().flatten())?;
    registry.check_state(&state, &settings.functions(&registry))?;
    let parts = Parts {
        connections: Connections::open(&workpool, &settings),
        registry: Arc::new(registry),
        state: Arc::new(state),
        settings: Arc::new(settings),
        troubles: Arc::default(),
        workpool,
    };
    log_registry(&parts);
    parts.workpool.listen();
    // In a task of its own: a registration dropped half-way would leave its connection unusable. The
    // worker is made there too: when nobody waits for it any more, dropping it stops it.
    tokio::spawn(launch(parts)).await.expect("registering does not panic")
}

async fn launch(parts: Parts) -> Result<Worker> {
    let life = Life::begin(parts.clone()).await?;
    let shared = Mutex::new(Arc::clone(&life.shared));
    let (stop, ended) = (CancellationToken::new(), CancellationToken::new());
    let now = Arc::new(Now { shared, troubles: Arc::clone(&parts.troubles), stop, ended });
    let task = tokio::spawn(supervise(parts, life, Arc::clone(&now)));
    Ok(Worker { task: Some(task), now })
}

/// Ends the life when it is told to, and begins another whenever the lease was lost.
async fn supervise(parts: Parts, mut life: Life, now: Arc<Now>) {
    let _ended = now.ended.clone().drop_guard();
    loop {
        tokio::select! {
            () = now.stop.cancelled() => break,
            () = life.over() => {}
        }
        life.abandon();
        let mut backoff = Backoff::counted("registration", Arc::clone(&parts.troubles));
        life = loop {
            match Life::begin(parts.clone()).await {
                Ok(life) => break life,
                Err(error) => {
                    let pause = backoff.failed(&error);
                    tokio::select! {
                        () = now.stop.cancelled() => return,
                        () = tokio::time::sleep(pause) => {}
                    }
                }
            }
        };
        backoff.succeeded();
        now.set(&life);
    }
    life.shut_down().await;
    parts.connections.close(life::LAST_STEPS).await;
}

fn log_registry(parts: &Parts) {
    let registry = &parts.registry;
    let mut functions = parts.settings.functions(registry);
    functions.extend(registry.names(true));
    let pools: Vec<_> = registry.pools().iter().map(|pool| pool.name).collect();
    telemetry::registered(&functions, &pools, &registry.undeclared());
}
