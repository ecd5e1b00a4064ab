//! Everything that is known of one work item.

use serde::Serialize;
use uuid::Uuid;

use super::{CallbackState, Time, WorkRow};
use crate::failure::Failure;

/// Everything that is known of one work item, waiting, running or ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct WorkDetail {
    /// What a list shows of it.
    #[serde(flatten)]
    pub row: WorkRow,
    /// The arguments, as JSON text. None when they are not kept (successes keep none), or when the
    /// user of the database may not read them: see `hidden`.
    pub args: Option<String>,
    /// The result of a success, as JSON text.
    pub result: Option<String>,
    /// The user of the database may not read arguments, contexts and results.
    pub hidden: bool,
    /// The kept failures, oldest first; each says which attempt it was.
    pub failures: Vec<Failure>,
    /// How many attempts it may take in all; none: no retries.
    pub max_attempts: Option<u32>,
    /// Delay after its first failed attempt.
    pub initial_backoff_ms: Option<u64>,
    /// Factor per further attempt.
    pub backoff_base: Option<f64>,
    /// Cap of the delay.
    pub max_backoff_ms: Option<u64>,
    /// How long its end is kept; none: for ever.
    pub status_ttl_ms: Option<u64>,
    /// When its end will be forgotten; none: never, or it has not ended.
    pub expires_at: Option<Time>,
    /// The machine of the worker that runs it.
    pub host: Option<String>,
    /// The process on that machine.
    pub pid: Option<i64>,
    /// Its `on_complete` function.
    pub callback: Option<WorkCallback>,
    /// The item that this one tries again.
    pub retry_of: Option<Uuid>,
    /// When it was read, by the clock of the database.
    pub now: Time,
}

/// The callback of one work item.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct WorkCallback {
    /// The registered name.
    pub name: String,
    /// How far it is; none while the work has not ended, and once it has run.
    pub state: Option<CallbackState>,
    /// The context, as JSON text; none when it may not be read or is not kept.
    pub context: Option<String>,
    /// Attempts of the callback.
    pub attempts: u32,
    /// Why its latest attempt failed.
    pub failure: Option<Failure>,
}
