//! Workers.

use serde::Serialize;
use uuid::Uuid;

use super::Time;

/// A worker that has registered and is not yet forgotten.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct WorkerRow {
    /// Its id, of one life only.
    pub id: Uuid,
    /// Its machine.
    pub host: String,
    /// Its process on that machine.
    pub pid: i64,
    /// The version of workpool in it.
    pub version: String,
    /// When it registered.
    pub started_at: Time,
    /// How much of its lease is left; negative: it ran out so long ago.
    pub lease_left_ms: i64,
    /// Whether its lease is good and nobody has begun to recover it.
    pub alive: bool,
    /// The functions and callbacks that it can run.
    pub functions: Vec<String>,
    /// The pools that it serves, those with slots first.
    pub pools: Vec<WorkerPool>,
}

/// What a worker has of one pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct WorkerPool {
    /// The pool.
    pub pool: String,
    /// Slots that it holds: the most that it runs.
    pub granted: u64,
    /// Items of that pool that it runs.
    pub running: u64,
    /// Nothing may start on these slots until they have been taken anew.
    pub frozen: bool,
}
