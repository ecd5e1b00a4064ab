//! Callbacks that are still to run, and those that were given up.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Time;
use crate::error::Error;
use crate::failure::Failure;
use crate::work::OutcomeKind;

/// How far a callback is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CallbackState {
    /// It is to run, now or after a backoff.
    Due,
    /// A worker runs it.
    Running,
    /// It was given up after many attempts; replay it after mending the cause.
    Parked,
}

impl CallbackState {
    /// The word: `due`, `running`, `parked`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Due => "due",
            Self::Running => "running",
            Self::Parked => "parked",
        }
    }
}

impl fmt::Display for CallbackState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for CallbackState {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let all = [Self::Due, Self::Running, Self::Parked];
        all.into_iter().find(|state| state.as_str() == text).ok_or_else(|| {
            let why = format!("`{}` is none of due, running, parked", text.escape_debug());
            Error::invalid("state", why)
        })
    }
}

/// A callback in a list.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CallbackRow {
    /// The work that ended; its outcome stands.
    pub work_id: Uuid,
    /// Its pool.
    pub pool: String,
    /// Its function.
    pub function: String,
    /// The `on_complete` function.
    pub callback: String,
    /// How the work ended.
    pub outcome: OutcomeKind,
    /// How far it is.
    pub state: CallbackState,
    /// Attempts of the callback.
    pub attempts: u32,
    /// When it is due.
    pub run_at: Time,
    /// When it was given up.
    pub parked_at: Option<Time>,
    /// Who runs it.
    pub worker: Option<Uuid>,
    /// Why its latest attempt failed.
    pub failure: Option<Failure>,
}
