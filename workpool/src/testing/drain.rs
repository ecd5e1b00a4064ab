//! Running everything that is due, and saying loudly what is left.

use std::fmt;
use std::time::{Duration, SystemTime};

use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::error::Error;
use crate::failure::Failure;
use crate::handle::Workpool;
use crate::store::WaitingRow;
use crate::worker::WorkerBuilder;

/// How long a drain may take before it gives up.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long due work may stand still before it is taken for stuck.
const STUCK: Duration = Duration::from_secs(3);
/// The most items that are listed.
const LISTED: i64 = 100;

/// The end of a drain: nothing is due.
#[derive(Debug, Clone)]
#[must_use = "work that is not due yet may be left; call `assert_nothing_left`"]
pub struct Drained {
    /// Work that waits for its time or for the end of a backoff, at most 100 items.
    pub left: Vec<LeftOver>,
}

/// A work item that a drain left.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LeftOver {
    /// Its id.
    pub id: Uuid,
    /// Its pool.
    pub pool: String,
    /// Its function.
    pub function: String,
    /// Its label.
    pub name: Option<String>,
    /// Attempts so far.
    pub attempts: u32,
    /// When it is due.
    pub run_at: SystemTime,
    /// Its arguments as JSON.
    pub args: String,
    /// Why it is left.
    pub why: String,
}

/// Why a drain did not come to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DrainError {
    /// Due work cannot run: nobody knows its function, or its pool starts nothing.
    #[error("due work does not get done:\n{}", list(.0))]
    Stuck(Vec<LeftOver>),
    /// It took more than a minute.
    #[error("work was still going on after a minute:\n{}", list(.0))]
    TooLong(Vec<LeftOver>),
    /// The worker could not start, or the database could not be asked.
    #[error(transparent)]
    Workpool(#[from] Error),
}

impl Drained {
    /// Panics with a list when anything is left.
    pub fn assert_nothing_left(&self) {
        assert!(self.left.is_empty(), "a drain left work behind:\n{self}");
    }
}

impl fmt::Display for Drained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&list(&self.left))
    }
}

impl fmt::Display for LeftOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, pool, function, attempts, args, why, .. } = self;
        let args: String = args.chars().take(80).collect();
        write!(f, "{function} in {pool}: {why} (attempts {attempts}, args {args}, id {id})")
    }
}

fn list(left: &[LeftOver]) -> String {
    left.iter().map(|item| format!("  {item}")).collect::<Vec<_>>().join("\n")
}

impl WorkerBuilder {
    /// For tests: runs until nothing is due, in any pool, callbacks included, then shuts down.
    /// Work that is not due yet is left, and listed.
    ///
    /// # Errors
    ///
    /// [`DrainError::Stuck`] when due work stands still for three seconds.
    pub async fn drain(self) -> Result<Drained, DrainError> {
        let workpool = self.handle().clone();
        let worker = self.poll_interval(Duration::from_millis(20)).start().await?;
        let end = settle(&workpool).await;
        worker.shutdown().await;
        end?;
        Ok(Drained { left: left(&workpool).await? })
    }
}

/// Waits until nothing is due.
async fn settle(workpool: &Workpool) -> Result<(), DrainError> {
    let begun = Instant::now();
    let mut last = (0, 0, 0);
    let mut changed = Instant::now();
    loop {
        let store = workpool.store();
        let now = workpool.run(async |conn| Ok(store.unsettled(conn).await?)).await?;
        let (running, due, callbacks) = now;
        if (running, due, callbacks) == (0, 0, 0) {
            return Ok(());
        }
        if now != last {
            (last, changed) = (now, Instant::now());
        }
        if running == 0 && changed.elapsed() > STUCK {
            return Err(DrainError::Stuck(left(workpool).await?));
        }
        if begun.elapsed() > PATIENCE {
            return Err(DrainError::TooLong(left(workpool).await?));
        }
        sleep(Duration::from_millis(10)).await;
    }
}

async fn left(workpool: &Workpool) -> Result<Vec<LeftOver>, Error> {
    let store = workpool.store();
    let rows = workpool.run(async |conn| Ok(store.waiting(conn, LISTED).await?)).await?;
    Ok(rows.into_iter().map(LeftOver::from).collect())
}

impl From<WaitingRow> for LeftOver {
    fn from(row: WaitingRow) -> Self {
        let last = row.errors.as_ref().and_then(|errors| errors.last());
        let last = last.map(|json| Failure::from_json(json));
        let why = match last {
            _ if row.running => "running".into(),
            _ if row.no_pool => "its pool does not exist".into(),
            _ if row.due && row.paused => "its pool is paused".into(),
            _ if row.due && row.max_parallelism == 0 => "its pool has max_parallelism 0".into(),
            _ if row.due => "no worker runs it; is its function linked in and registered?".into(),
            Some(failure) => format!("waits for the next attempt after: {failure}"),
            None => "scheduled".into(),
        };
        Self {
            id: row.id,
            pool: row.pool,
            function: row.function,
            name: row.name,
            attempts: row.attempt.unsigned_abs(),
            run_at: row.run_at.to_system(),
            args: row.args,
            why,
        }
    }
}
