//! Why a work item is not running.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use uuid::Uuid;

use super::{Count, Holder, Time};
use crate::failure::Failure;
use crate::work::OutcomeKind;

/// Why a work item is not running: the first thing that keeps it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "why", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Why {
    /// It does run.
    Running {
        /// Who runs it.
        worker: Uuid,
        /// The machine; none when the worker is not known any more.
        host: Option<String>,
        /// The process on that machine.
        pid: Option<i64>,
        /// When the attempt was claimed.
        since: Option<Time>,
        /// How long ago that was.
        for_ms: u64,
        /// Somebody canceled it.
        cancel_requested: bool,
        /// The lease of the worker has run out: recovery is about to decide.
        abandoned: bool,
    },
    /// It is over.
    Ended {
        /// How it ended.
        outcome: OutcomeKind,
        /// When.
        at: Time,
        /// The item that tries the same again.
        retried_as: Option<Uuid>,
    },
    /// Its time has not come.
    Scheduled {
        /// When it is due.
        until: Time,
        /// How long until then.
        in_ms: u64,
    },
    /// It has failed and waits before the next attempt.
    Backoff {
        /// When it is due.
        until: Time,
        /// How long until then.
        in_ms: u64,
        /// Attempts so far.
        attempts: u32,
        /// Why the latest failed.
        failure: Option<Failure>,
    },
    /// Its pool has no row in the database: nobody serves it.
    UnknownPool {
        /// The pool.
        pool: String,
    },
    /// Its pool is paused, or its limit is 0.
    Paused {
        /// The pool.
        pool: String,
        /// Whether it is the limit.
        limit_zero: bool,
    },
    /// There is no live worker at all.
    NoWorker,
    /// No live worker knows its function.
    UnknownFunction {
        /// The function.
        function: String,
        /// How many workers live.
        workers: u64,
    },
    /// Live workers know its function, and none of them serves its pool.
    PoolNotServed {
        /// The pool.
        pool: String,
    },
    /// Every slot of its pool is taken.
    Saturated {
        /// The pool.
        pool: String,
        /// Its limit.
        max_parallelism: u32,
        /// By whom the slots are held, most first.
        holders: Vec<Holder>,
        /// Due items that come before it.
        before: Count,
    },
    /// It is due, and about to start.
    Due {
        /// Due items of its pool that come before it.
        before: Count,
    },
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Running { worker, host, pid, for_ms, cancel_requested, abandoned, .. } => {
                write!(f, "it runs")?;
                match (host, pid) {
                    (Some(host), Some(pid)) => write!(f, " on {host}, process {pid}")?,
                    _ => write!(f, " on worker {worker}, which is not known any more")?,
                }
                write!(f, ", for {}", spoken(*for_ms))?;
                if *abandoned {
                    write!(f, "; the lease of that worker has run out, recovery is next")?;
                }
                if *cancel_requested {
                    write!(f, "; it has been asked to stop")?;
                }
                Ok(())
            }
            Self::Ended { outcome, at, retried_as } => {
                write!(f, "it is over: {outcome}, at {at}")?;
                retried_as.map_or(Ok(()), |id| write!(f, "; tried again as {id}"))
            }
            Self::Scheduled { until, in_ms } => {
                write!(f, "it is scheduled for {until}, in {}", spoken(*in_ms))
            }
            Self::Backoff { until, in_ms, attempts, failure } => {
                write!(f, "attempt {attempts} failed")?;
                if let Some(failure) = failure {
                    let line = failure.message().lines().next().unwrap_or_default();
                    write!(f, " ({line})")?;
                }
                write!(f, "; the next one comes at {until}, in {}", spoken(*in_ms))
            }
            Self::UnknownPool { pool } => {
                write!(f, "pool `{pool}` is not in the database: nobody serves it")
            }
            Self::Paused { pool, limit_zero: false } => write!(f, "pool `{pool}` is paused"),
            Self::Paused { pool, limit_zero: true } => {
                write!(f, "the limit of pool `{pool}` is 0")
            }
            Self::NoWorker => f.write_str("no worker is alive"),
            Self::UnknownFunction { function, workers } => {
                write!(f, "none of the {workers} live workers knows the function `{function}`")
            }
            Self::PoolNotServed { pool } => {
                write!(f, "no live worker serves pool `{pool}`")
            }
            Self::Saturated { pool, max_parallelism, holders, before } => {
                write!(f, "all {max_parallelism} slots of pool `{pool}` are taken, by ")?;
                for (n, holder) in holders.iter().take(5).enumerate() {
                    let comma = if n == 0 { "" } else { ", " };
                    let host = holder.host.as_deref().unwrap_or("an unknown worker");
                    let pid = holder.pid.map(|pid| format!(":{pid}")).unwrap_or_default();
                    write!(f, "{comma}{host}{pid} ({})", holder.granted)?;
                }
                if holders.len() > 5 {
                    write!(f, " and {} others", holders.len() - 5)?;
                }
                write!(f, "; {before} due before it")
            }
            Self::Due { before } => write!(f, "it is due, with {before} before it"),
        }
    }
}

/// A length of time in its two largest units.
pub(crate) fn spoken(ms: u64) -> String {
    let seconds = Duration::from_millis(ms).as_secs();
    match seconds {
        0 => format!("{ms} ms"),
        1..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3600 % 24),
    }
}
