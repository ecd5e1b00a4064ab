//! A database with an audit and a directory, in which one case is played after another.

use std::path::PathBuf;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::{Instant, sleep};
use uuid::Uuid;
use workpool::testing::Postgres;
use workpool::{WorkId, Workpool, sqlx};

use crate::case::{Case, Kind};
use crate::fault::LEASE;
use crate::functions::{How, Task, again, book, gate_of, once, told};
use crate::notes::Notes;
use workpool_tests::Process;

/// What wakes nobody is found by a poll: rarely, since each costs as much as what a case is about.
const POLL: Duration = Duration::from_millis(400);
/// How long anything may take that happens by itself, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits, looking again and again, until something is true.
pub(crate) async fn until(what: &str, mut check: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !check().await {
        assert!(begun.elapsed() < PATIENCE, "this never became true: {what}");
        sleep(Duration::from_millis(40)).await;
    }
}

#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) workpool: Workpool,
    pub(crate) url: String,
    directory: PathBuf,
}

impl Lane {
    /// Makes its database.
    pub(crate) async fn open(server: &Postgres) -> Self {
        let name = format!("lane_{}", Uuid::now_v7().simple());
        let admin = sqlx::PgPool::connect_with(server.options()).await.unwrap();
        let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
        sqlx::query(create).execute(&admin).await.unwrap();
        admin.close().await;
        let url = server.url_of(&name);
        let workpool = Workpool::connect(&url).await.unwrap();
        let directory = std::env::temp_dir().join(format!("workpool-crash-{name}"));
        let lane = Self { workpool, url, directory };
        lane.run(include_str!("../simulation/audit.sql")).await;
        lane
    }

    /// As if nothing had been played here.
    pub(crate) async fn clear(&self) {
        self.tidy_up();
        std::fs::create_dir(&self.directory).unwrap();
        self.run(include_str!("clear.sql")).await;
    }

    /// Removes the directory.
    pub(crate) fn tidy_up(&self) {
        if self.directory.exists() {
            std::fs::remove_dir_all(&self.directory).unwrap();
        }
    }

    pub(crate) async fn run(&self, sql: &'static str) {
        sqlx::raw_sql(sql).execute(self.workpool.db()).await.unwrap();
    }

    /// The first column of the first row.
    pub(crate) async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(self.workpool.db()).await.unwrap()
    }

    /// Where the processes log.
    pub(crate) fn log(&self) -> PathBuf {
        self.directory.join("log")
    }

    fn witness(&self) -> PathBuf {
        self.directory.join("witness")
    }

    pub(crate) fn notes(&self) -> Notes {
        Notes::read(&self.witness())
    }

    pub(crate) fn open_gate(&self) {
        std::fs::write(gate_of(&self.witness()), "").unwrap();
    }

    fn program(&self, path: &str) -> Command {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.log()).unwrap();
        let mut command = Command::new(path);
        command.arg(format!("url={}", self.url)).stderr(log);
        command
    }

    fn worker_command(&self, arguments: &[&str]) -> Command {
        let mut command = self.program(env!("CARGO_BIN_EXE_worker-process"));
        command
            .arg(format!("witness={}", self.witness().display()))
            .arg(format!("lease={}", LEASE.as_millis()))
            .arg(format!("heartbeat={}", LEASE.as_millis() / 3))
            .arg(format!("poll={}", POLL.as_millis()))
            .args(arguments);
        command
    }

    /// A worker without failpoints.
    pub(crate) async fn worker(&self, arguments: &[&str]) -> Process {
        let mut process = Process::spawn(&mut self.worker_command(arguments));
        process.ready().await;
        process
    }

    /// A worker that lives on: on a busy machine, too, nobody takes it for dead.
    pub(crate) async fn heir(&self) -> Process {
        self.worker(&["lease=30000"]).await
    }

    fn with_failpoints(&self, case: &Case, mut command: Command, armed: bool) -> Process {
        if armed {
            command.env("FAILPOINTS_ARMED", self.directory.join("armed"));
        }
        self.spawn(&case.failpoints(), command)
    }

    fn spawn(&self, failpoints: &str, mut command: Command) -> Process {
        let hits = self.directory.join("hits");
        Process::spawn(command.env("FAILPOINTS", failpoints).env("FAILPOINTS_HITS", hits))
    }

    /// A worker with these failpoints, under a lease that no recovery can hide behind.
    pub(crate) fn faulty(&self, failpoints: &str) -> Process {
        self.spawn(failpoints, self.worker_command(&["lease=60000"]))
    }

    /// The worker under test; `later`: its failpoint does nothing until it is armed.
    pub(crate) fn victim(&self, case: &Case, arguments: &[&str], later: bool) -> Process {
        self.with_failpoints(case, self.worker_command(arguments), later)
    }

    /// A process of an application that makes one call.
    pub(crate) fn client(&self, case: &Case, arguments: &[String]) -> Process {
        let mut command = self.program(env!("CARGO_BIN_EXE_client-process"));
        command.args(arguments);
        self.with_failpoints(case, command, false)
    }

    pub(crate) fn arm(&self) {
        std::fs::write(self.directory.join("armed"), "").unwrap();
    }

    fn hits(&self, case: &Case) -> usize {
        let line = format!("{} {}", case.row.point, case.fault.action());
        self.all_hits().into_iter().filter(|hit| *hit == line).count()
    }

    /// The failpoints that were hit, each with what was done there.
    pub(crate) fn all_hits(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.directory.join("hits")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Waits until the failpoint was hit: a case that passes none shows nothing.
    pub(crate) async fn hit(&self, case: &Case) {
        until("the failpoint is hit", async || self.hits(case) == 1).await;
    }

    /// Enqueues an item with its callback.
    pub(crate) async fn enqueue(&self, kind: Kind, how: How, fails: u32) -> Uuid {
        let id = WorkId::new();
        self.enqueue_as(id, kind, Task { how, fails }).await;
        id.uuid()
    }

    /// Enqueues a mutation that may share a transaction: it has no callback.
    pub(crate) async fn enqueue_plainly(&self) -> Uuid {
        let task = Task { how: How::Takes(0), fails: 0 };
        book::enqueue(&self.workpool, task).await.unwrap().uuid()
    }

    pub(crate) async fn enqueue_as(&self, id: WorkId<u32>, kind: Kind, task: Task) {
        let (to, context) = (&self.workpool, id.to_string());
        let enqueued = match kind {
            Kind::Once => once::enqueue(to, task).id(id).on_complete::<told>(context).await,
            Kind::Again => again::enqueue(to, task).id(id).on_complete::<told>(context).await,
            Kind::Book => book::enqueue(to, task).id(id).on_complete::<told>(context).await,
        };
        enqueued.unwrap();
    }

    pub(crate) async fn entered(&self, item: Uuid) {
        until("the item is entered", async || !self.notes().entries(item).is_empty()).await;
    }

    /// The ids under which a process is registered, the oldest first.
    pub(crate) async fn workers_of(&self, process: &Process) -> Vec<Uuid> {
        sqlx::query_scalar("SELECT id FROM workpool.workers WHERE pid = $1 ORDER BY started_at")
            .bind(i64::from(process.pid()))
            .fetch_all(self.workpool.db())
            .await
            .unwrap()
    }

    /// The id of a process's first life, waiting until it has begun.
    pub(crate) async fn life_of(&self, process: &Process) -> Uuid {
        let mut lives = Vec::new();
        until("the process is registered", async || {
            lives = self.workers_of(process).await;
            !lives.is_empty()
        })
        .await;
        lives[0]
    }

    /// Waits until nothing of these workers is left.
    pub(crate) async fn gone(&self, workers: &[Uuid]) {
        const LEFT: &str = "SELECT count(*) FROM workpool.workers WHERE id = ANY ($1)";
        until("the dead are recovered", async || {
            let left: i64 =
                sqlx::query_scalar(LEFT).bind(workers).fetch_one(self.workpool.db()).await.unwrap();
            left == 0
        })
        .await;
    }

    /// Waits until no work and no callback is left.
    pub(crate) async fn quiet(&self) {
        const LEFT: &str = "SELECT (SELECT count(*) FROM workpool.work)
            + (SELECT count(*) FROM workpool.callbacks)";
        until("all work has ended", async || self.count(LEFT).await == 0).await;
    }

    /// Waits until so many workers are registered, all of them alive, and what had expired is
    /// pruned.
    pub(crate) async fn settled(&self, workers: i64) {
        const ALIVE: &str =
            "SELECT count(*) FILTER (WHERE NOT dead) - 1000 * count(*) FILTER (WHERE dead)
            FROM workpool.workers";
        const EXPIRED: &str = "SELECT count(*) FROM workpool.finished
            WHERE expires_at < statement_timestamp()";
        let what = format!("{workers} workers are registered and alive");
        until(&what, async || self.count(ALIVE).await == workers).await;
        until("what has expired is pruned", async || self.count(EXPIRED).await == 0).await;
    }
}
