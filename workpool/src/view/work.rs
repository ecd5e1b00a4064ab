//! Work items in lists, how a list is filtered, and failures that look alike.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Time;
use crate::error::Error;
use crate::failure::Failure;
use crate::function::FunctionKind;

/// Where in its life a work item is, finer than a [`Status`](crate::Status).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WorkState {
    /// It could start now.
    Due,
    /// It waits for its time; nothing was attempted yet.
    Scheduled,
    /// It waits for the end of a backoff.
    Retrying,
    /// An attempt is under way.
    Running,
    /// It ended in success.
    Succeeded,
    /// It ended failed.
    Failed,
    /// It was canceled.
    Canceled,
}

impl WorkState {
    /// All of them, in the order of a life.
    pub const ALL: [Self; 7] = [
        Self::Due,
        Self::Scheduled,
        Self::Retrying,
        Self::Running,
        Self::Succeeded,
        Self::Failed,
        Self::Canceled,
    ];

    /// The word: `due`, `scheduled`, `retrying`, `running`, `succeeded`, `failed`, `canceled`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Due => "due",
            Self::Scheduled => "scheduled",
            Self::Retrying => "retrying",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
        }
    }

    /// Whether the work is over.
    #[must_use]
    pub const fn has_ended(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Canceled)
    }
}

impl fmt::Display for WorkState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for WorkState {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|state| state.as_str() == text);
        found.ok_or_else(|| {
            let words = Self::ALL.map(Self::as_str).join(", ");
            Error::invalid("state", format!("`{}` is none of {words}", text.escape_debug()))
        })
    }
}

/// Which work items are meant. Everything that is said must hold; the default means all work that
/// has not ended.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
#[must_use]
pub struct WorkFilter {
    /// Only of this pool.
    pub pool: Option<String>,
    /// Only of this function, by its registered name.
    pub function: Option<String>,
    /// Only in this state; none: not ended.
    pub state: Option<WorkState>,
    /// Only what was enqueued so long ago; of ended work, what ended so long ago.
    pub older_than: Option<Duration>,
    /// Only with this name.
    pub name: Option<String>,
    /// Only with this text in one of the kept failures, whatever its case (as the database knows it).
    pub error: Option<String>,
}

impl WorkFilter {
    /// All work that has not ended.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only of this pool.
    pub fn pool(mut self, pool: impl Into<String>) -> Self {
        self.pool = Some(pool.into());
        self
    }

    /// Only of this function, by its registered name.
    pub fn function(mut self, function: impl Into<String>) -> Self {
        self.function = Some(function.into());
        self
    }

    /// Only in this state.
    pub const fn state(mut self, state: WorkState) -> Self {
        self.state = Some(state);
        self
    }

    /// Only what was enqueued so long ago; of ended work, what ended so long ago.
    pub const fn older_than(mut self, age: Duration) -> Self {
        self.older_than = Some(age);
        self
    }

    /// Only with this name.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Only with this text in one of the kept failures, whatever its case (as the database knows it).
    pub fn error(mut self, text: impl Into<String>) -> Self {
        self.error = Some(text.into());
        self
    }
}

/// A work item in a list.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct WorkRow {
    /// Its id.
    pub id: Uuid,
    /// Its pool.
    pub pool: String,
    /// Its function.
    pub function: String,
    /// Action, mutation or query.
    pub kind: FunctionKind,
    /// The label that it was given.
    pub name: Option<String>,
    /// Where in its life it is.
    pub state: WorkState,
    /// Attempts so far, the running one included.
    pub attempts: u32,
    /// When it was enqueued.
    pub enqueued_at: Time,
    /// When it is due; none when it has ended.
    pub run_at: Option<Time>,
    /// When the latest attempt was claimed.
    pub started_at: Option<Time>,
    /// When it ended.
    pub finished_at: Option<Time>,
    /// Who runs it.
    pub worker: Option<Uuid>,
    /// Somebody canceled it while it runs.
    pub cancel_requested: bool,
    /// Why its latest failed attempt failed.
    pub failure: Option<Failure>,
    /// The item that tries the same again.
    pub retried_as: Option<Uuid>,
}

/// Work that failed in the same way.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct FailureGroup {
    /// The pool.
    pub pool: String,
    /// The function.
    pub function: String,
    /// The first line of the error, with what differs from case to case put as `…`.
    pub error: String,
    /// How many, of those that were looked at.
    pub items: u64,
    /// How many of them have been tried again as new items.
    pub retried: u64,
    /// The latest of them.
    pub latest: Uuid,
    /// When that ended.
    pub latest_at: Time,
}
