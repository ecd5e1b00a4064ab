//! Whether a process is alive and ready, for whatever starts and restarts it.
//!
//! ```no_run
//! # async fn f(workpool: workpool::Workpool) -> Result<(), Box<dyn std::error::Error>> {
//! let worker = workpool.worker().start().await?;
//! let app: axum::Router = axum::Router::new().merge(worker.health().router());
//! # Ok(()) }
//! ```
//!
//! | route | 200 while | else 503 |
//! |---|---|---|
//! | `/live` | the worker runs, even if it can do nothing now | it has ended: restart the process |
//! | `/ready` | its lease is valid, the latest try of each of its loops succeeded, the database answers in time, and nobody has told it to stop | wait, or look at the database |
//!
//! A database that is away makes a process unready, and never dead: to restart it would not help,
//! and would lose the attempts that it runs.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Serialize;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::handle::Workpool;
use crate::worker::{Pulse, Worker};

/// How long the database may take to answer.
const BOUND: Duration = Duration::from_secs(2);
/// An answer of the database serves everybody who asks within this time.
const FRESH: Duration = Duration::from_millis(500);

/// The health of a worker, or of a process that has none. Cheap to clone.
#[derive(Clone)]
pub struct Health {
    workpool: Workpool,
    pulse: Option<Pulse>,
    bound: Duration,
    latest: Arc<Mutex<Option<(Instant, bool)>>>,
}

/// What is well and what is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
#[non_exhaustive]
pub struct Readiness {
    /// All of it is.
    pub ready: bool,
    /// The worker runs, and was not told to stop.
    pub running: bool,
    /// Its lease is valid.
    pub lease: bool,
    /// The latest try of each of its loops succeeded.
    pub loops: bool,
    /// The database has answered in time.
    pub database: bool,
}

/// The answer of `/live`.
#[derive(Serialize)]
struct Liveness {
    live: bool,
}

impl Worker {
    /// Its health, which can be asked for as long as anybody wants to know.
    #[must_use]
    pub fn health(&self) -> Health {
        let pulse = self.pulse();
        Health { pulse: Some(pulse.clone()), ..pulse.workpool().health() }
    }
}

impl Workpool {
    /// The health of a process that runs no worker: whether it reaches the database.
    #[must_use]
    pub fn health(&self) -> Health {
        Health { workpool: self.clone(), pulse: None, bound: BOUND, latest: Arc::default() }
    }
}

impl Health {
    /// How long the database may take to answer, a wait for one of the connections of the handle
    /// included. Default 2 s.
    #[must_use]
    pub const fn within(mut self, bound: Duration) -> Self {
        self.bound = bound;
        self
    }

    /// Whether the worker runs, however it fares.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.pulse.as_ref().is_none_or(Pulse::is_live)
    }

    /// Looks at everything.
    pub async fn readiness(&self) -> Readiness {
        let database = self.reaches_database().await;
        let of_worker = |well: fn(&Pulse) -> bool| self.pulse.as_ref().is_none_or(well);
        let (running, lease) = (of_worker(Pulse::is_running), of_worker(Pulse::holds_lease));
        let loops = of_worker(Pulse::is_untroubled);
        Readiness { ready: running && lease && loops && database, running, lease, loops, database }
    }

    /// A router with the routes `/live` and `/ready`. Their answers say nothing that a stranger may
    /// not know; at most two questions a second reach the database.
    pub fn router(&self) -> Router {
        let (live, ready) = (self.clone(), self.clone());
        let live = async move || {
            let live = live.is_live();
            answer(live, &Liveness { live })
        };
        let ready = async move || {
            let found = ready.readiness().await;
            answer(found.ready, &found)
        };
        Router::new().route("/live", get(live)).route("/ready", get(ready))
    }

    /// One question at a time: others wait for its answer.
    async fn reaches_database(&self) -> bool {
        let mut latest = self.latest.lock().await;
        if let Some((at, reached)) = *latest
            && at.elapsed() < FRESH
        {
            return reached;
        }
        let reached = matches!(timeout(self.bound, self.workpool.ping()).await, Ok(Ok(())));
        *latest = Some((Instant::now(), reached));
        reached
    }
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Health").field("is_live", &self.is_live()).finish_non_exhaustive()
    }
}

fn answer(well: bool, found: &impl Serialize) -> Response {
    let status = if well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = serde_json::to_string(found).unwrap_or_default();
    (status, [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")], body)
        .into_response()
}
