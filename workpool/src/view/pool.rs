//! Pools at a glance, and over time.

use std::fmt;

use serde::Serialize;
use uuid::Uuid;

use super::{Count, Time};

/// A pool: how much waits and runs, what ended lately, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct PoolOverview {
    /// Its name.
    pub name: String,
    /// Its limit.
    pub max_parallelism: u32,
    /// Whether it is paused.
    pub paused: bool,
    /// Items that run.
    pub running: Count,
    /// Items that are due and wait.
    pub backlog: Count,
    /// Items that wait for their time or for the end of a backoff.
    pub scheduled: Count,
    /// How long the oldest due item has been due.
    pub lag_ms: u64,
    /// What ended in the last minute.
    pub minute: Ended,
    /// What ended in the last hour.
    pub hour: Ended,
    /// Live workers that serve it.
    pub workers: u64,
    /// Those of them that hold slots, most slots first.
    pub holders: Vec<Holder>,
    /// Callbacks that were given up.
    pub parked_callbacks: Count,
    /// In one word, whether it does what it should.
    pub health: Health,
    /// The same in a sentence; empty when all is well.
    pub reason: String,
}

/// What ended in a stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct Ended {
    /// Work that ended in success.
    pub succeeded: u64,
    /// Work that ended failed.
    pub failed: u64,
    /// Attempts that failed and are followed by another.
    pub retries: u64,
    /// Work that was canceled.
    pub canceled: u64,
}

impl Ended {
    /// The part of attempts that failed, between 0 and 1. Canceled work aside.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a rate of counts")]
    pub fn failure_rate(self) -> f64 {
        let failed = self.failed + self.retries;
        let all = failed + self.succeeded;
        if all == 0 { 0.0 } else { failed as f64 / all as f64 }
    }
}

/// A worker that holds slots of a pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Holder {
    /// The worker.
    pub worker: Uuid,
    /// Its machine; none when the worker is not known any more.
    pub host: Option<String>,
    /// Its process on that machine.
    pub pid: Option<i64>,
    /// How many slots it holds.
    pub granted: u64,
}

/// What is the matter with a pool, the most telling first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Health {
    /// It does what it should.
    Ok,
    /// Somebody paused it, or set its limit to 0: nothing starts.
    Paused,
    /// Work is due, and no live worker serves the pool.
    NoWorker,
    /// Work is due whose function no live worker knows.
    UnknownFunction,
    /// Half of the latest attempts, or more, failed.
    Failing,
    /// All slots are taken, and work has been due for a while.
    Saturated,
    /// Slots are free, and work has been due for a while all the same.
    Behind,
}

impl Health {
    /// The word: `ok`, `paused`, `no worker`, …
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Paused => "paused",
            Self::NoWorker => "no worker",
            Self::UnknownFunction => "unknown function",
            Self::Failing => "failing",
            Self::Saturated => "saturated",
            Self::Behind => "behind",
        }
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A stretch of the recent past, for charts.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Bucket {
    /// Its beginning.
    pub at: Time,
    /// What ended in it.
    #[serde(flatten)]
    pub ended: Ended,
    /// From due to claimed, on average; none without attempts.
    pub lag_avg_ms: Option<f64>,
    /// The longest of these.
    pub lag_max_ms: Option<f64>,
    /// How long attempts took, on average.
    pub duration_avg_ms: Option<f64>,
    /// The longest of these.
    pub duration_max_ms: Option<f64>,
}
