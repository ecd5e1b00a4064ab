//! A database with ledgers and an audit, a witness beside it, and worker processes around it.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::{Instant, sleep};
use uuid::Uuid;
use workpool::testing::TestDatabase;
use workpool::{WorkerBuilder, Workpool};
use workpool_tests::{Process, Scratch};

use crate::audit;
use crate::functions::{Witness, gate_of};
use crate::notes::Notes;

/// The lease of worker processes, unless a test says otherwise.
pub(crate) const LEASE: Duration = Duration::from_secs(1);
/// Beyond the lease: the contract allows two seconds, the rest is for a busy machine.
pub(crate) const RECOVERY: Duration = Duration::from_secs(8);

/// Waits, looking again and again, until something is true; panics after `limit`.
pub(crate) async fn within(limit: Duration, what: &str, mut check: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !check().await {
        assert!(begun.elapsed() < limit, "not true within {limit:?}: {what}");
        sleep(Duration::from_millis(10)).await;
    }
}

/// As `within`, for what takes as long as it takes.
pub(crate) async fn eventually(what: &str, check: impl AsyncFnMut() -> bool) {
    within(Duration::from_secs(30), what, check).await;
}

/// Where one simulation takes place.
pub(crate) struct World {
    workpool: Workpool,
    url: String,
    scratch: Scratch,
}

impl World {
    pub(crate) async fn new() -> Self {
        let database = TestDatabase::create().await.unwrap_or_else(|error| panic!("{error}"));
        Self::of(database.workpool().clone(), database.url().to_owned()).await
    }

    /// On a database that the test made.
    pub(crate) async fn of(workpool: Workpool, url: String) -> Self {
        audit::install(workpool.db()).await;
        Self { workpool, url, scratch: Scratch::kept_on_failure("simulation") }
    }

    pub(crate) const fn workpool(&self) -> &Workpool {
        &self.workpool
    }

    pub(crate) async fn limit(&self, limit: u32) {
        self.workpool.pool("mixed").set_max_parallelism(limit).await.unwrap();
    }

    fn witness_path(&self) -> PathBuf {
        self.scratch.path().join("witness")
    }

    /// For workers in this process.
    pub(crate) fn witness(&self) -> Witness {
        Witness::open(&self.witness_path()).unwrap()
    }

    /// Lets everybody through who waits at the gate.
    pub(crate) fn open_gate(&self) {
        std::fs::write(gate_of(&self.witness_path()), "").unwrap();
    }

    /// What the functions have written down.
    pub(crate) fn notes(&self) -> Notes {
        Notes::read(&self.witness_path())
    }

    pub(crate) async fn entered(&self, work: Uuid, attempts: usize) {
        let what = format!("{work} is entered {attempts} times");
        eventually(&what, async || self.notes().entries(work).len() >= attempts).await;
    }

    /// Starts a worker process with the usual settings.
    pub(crate) async fn process(&self) -> Process {
        self.process_with(&[]).await
    }

    pub(crate) async fn process_with(&self, arguments: &[&str]) -> Process {
        let witness = self.witness_path();
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.scratch.path().join("workers.log"))
            .unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_worker-process"));
        command
            .arg(format!("url={}", self.url))
            .arg(format!("witness={}", witness.display()))
            .args(arguments)
            .stderr(log);
        let mut process = Process::spawn(&mut command);
        process.ready().await;
        process
    }

    /// A worker in this process, with the settings of the others.
    pub(crate) fn worker_here(&self) -> WorkerBuilder {
        self.workpool
            .worker()
            .state(self.witness())
            .lease(LEASE)
            .heartbeat(Duration::from_millis(200))
            .poll_interval(Duration::from_millis(100))
    }

    /// The ids of registered workers by process.
    pub(crate) async fn workers(&self) -> HashMap<u32, Uuid> {
        let rows: Vec<(i64, Uuid)> =
            sqlx::query_as("SELECT pid, id FROM workpool.workers WHERE NOT dead")
                .fetch_all(self.workpool.db())
                .await
                .unwrap();
        rows.into_iter().map(|(pid, id)| (u32::try_from(pid).unwrap(), id)).collect()
    }

    /// The first column of the first row.
    pub(crate) async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(self.workpool.db()).await.unwrap()
    }

    /// Waits until no work and no callback is left.
    pub(crate) async fn quiet(&self, limit: Duration) {
        const LEFT: &str = "SELECT (SELECT count(*) FROM workpool.work)
            + (SELECT count(*) FROM workpool.callbacks)";
        within(limit, "all work has ended", async || {
            sleep(Duration::from_millis(40)).await;
            self.count(LEFT).await == 0
        })
        .await;
    }
}
