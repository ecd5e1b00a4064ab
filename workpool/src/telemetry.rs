//! The `tracing` events of this crate, target `workpool`. Only this file names events and fields;
//! [`events`](crate::events) documents them as a contract.

use std::sync::atomic::{AtomicU8, Ordering};
use std::time::SystemTime;

use tracing::field::Empty;
use uuid::Uuid;

/// Whether workers log `started`, `completed` and `report` of a pool: from `Info` on. Its row in the
/// database says so, and workers follow in a second. Warnings and `enqueued` are left to the
/// subscriber's filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogLevel {
    /// None of these.
    Off,
    /// None of these.
    Error,
    /// None of these.
    Warn,
    /// The start and end of attempts, and reports. The default.
    Info,
    /// As `Info`.
    Debug,
    /// As `Info`.
    Trace,
}

impl LogLevel {
    /// The word stored in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }

    pub(crate) fn parse(word: &str) -> Self {
        const ALL: [LogLevel; 5] =
            [LogLevel::Off, LogLevel::Error, LogLevel::Warn, LogLevel::Debug, LogLevel::Trace];
        ALL.into_iter().find(|level| level.as_str() == word).unwrap_or(Self::Info)
    }
}

/// The level of a pool, shared by everything that logs about it.
#[derive(Debug)]
pub(crate) struct PoolLog(AtomicU8);

impl PoolLog {
    pub(crate) const fn new() -> Self {
        Self(AtomicU8::new(LogLevel::Info as u8))
    }

    pub(crate) fn set(&self, level: LogLevel) {
        self.0.store(level as u8, Ordering::Relaxed);
    }

    pub(crate) fn allows(&self, level: LogLevel) -> bool {
        level as u8 <= self.0.load(Ordering::Relaxed)
    }
}

/// What identifies an attempt in every event about it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AttemptFields<'a> {
    pub(crate) work_id: Uuid,
    pub(crate) pool: &'a str,
    pub(crate) function: &'a str,
    pub(crate) attempt: i32,
}

/// The span in which an attempt runs.
pub(crate) fn attempt_span(a: AttemptFields<'_>) -> tracing::Span {
    tracing::info_span!(
        target: "workpool", "attempt",
        work_id = %a.work_id, pool = a.pool, function = a.function, attempt = a.attempt,
        otel.kind = Empty
    )
}

/// The span in which a callback runs.
pub(crate) fn callback_span(work_id: Uuid, callback: &str, attempt: i32) -> tracing::Span {
    tracing::info_span!(
        target: "workpool", "callback", %work_id, callback, attempt, otel.kind = Empty
    )
}

/// `run_at` is only for people: a delay is reckoned from the clock of this machine.
pub(crate) fn enqueued(work_id: Uuid, pool: &str, function: &str, run_at: SystemTime) {
    tracing::debug!(target: "workpool", event = "enqueued", %work_id, pool, function, ?run_at);
}

pub(crate) fn started(log: &PoolLog, a: AttemptFields<'_>, start_lag_ms: i64) {
    if log.allows(LogLevel::Info) {
        tracing::info!(
            target: "workpool", event = "started", work_id = %a.work_id, pool = a.pool,
            function = a.function, attempt = a.attempt, start_lag_ms
        );
    }
}

pub(crate) fn completed(log: &PoolLog, a: AttemptFields<'_>, status: &str, duration_ms: u64) {
    if log.allows(LogLevel::Info) {
        tracing::info!(
            target: "workpool", event = "completed", work_id = %a.work_id, pool = a.pool,
            function = a.function, attempts = a.attempt, status, duration_ms
        );
    }
}

/// An end that was refused: the attempt had been superseded.
pub(crate) fn fenced(work_id: Uuid, attempt: i32) {
    tracing::warn!(
        target: "workpool", event = "fenced", %work_id, attempt,
        why = "this attempt was superseded; what it wrote was dropped"
    );
}

pub(crate) fn recovered(work_id: Uuid, pool: &str, function: &str, outcome: &str, worker: Uuid) {
    tracing::warn!(
        target: "workpool", event = "recovered", %work_id, pool, function, outcome, %worker,
        why = "the lease of its worker ran out"
    );
}

pub(crate) fn worker_lost(worker: Uuid) {
    tracing::warn!(
        target: "workpool", event = "lease_lost", %worker,
        why = "this worker could not renew its lease in time and starts anew under another id; \
               what it still runs can write nothing"
    );
}

pub(crate) fn unknown_worker(worker: Uuid) {
    tracing::warn!(
        target: "workpool", event = "unknown_worker", %worker,
        why = "rows name a worker that is not known; they are recovered as those of a dead one"
    );
}

pub(crate) fn released(work_id: Uuid, why: &str) {
    tracing::warn!(target: "workpool", event = "released", %work_id, why);
}

pub(crate) fn callback_failed(work_id: Uuid, callback: &str, attempt: i32, why: &str) {
    tracing::warn!(
        target: "workpool", event = "callback_failed", %work_id, callback, attempt, why
    );
}

pub(crate) fn parked(work_id: Uuid, callback: &str, why: &str) {
    tracing::warn!(target: "workpool", event = "parked", %work_id, callback, why);
}

pub(crate) fn unknown_function(function: &str, pool: &str, items: i64) {
    tracing::warn!(
        target: "workpool", event = "unknown_function", function, pool, items,
        why = "no live worker knows this function; its due work waits and uses no attempts"
    );
}

/// A background loop met an error and goes on; logged once per change of state, not per try.
pub(crate) fn trouble(what: &'static str, error: &dyn std::fmt::Display) {
    tracing::warn!(target: "workpool", event = "trouble", what, why = %error);
}

pub(crate) fn trouble_over(what: &'static str) {
    tracing::info!(target: "workpool", event = "trouble_over", what);
}

pub(crate) fn registered(functions: &[&str], pools: &[&str], undeclared: &[String]) {
    tracing::info!(
        target: "workpool", event = "registered", functions = ?functions, pools = ?pools
    );
    for note in undeclared {
        tracing::warn!(target: "workpool", event = "undeclared_pool", why = %note);
    }
}

pub(crate) fn pool_differs(pool: &str, what: &str) {
    tracing::info!(
        target: "workpool", event = "pool_differs", pool, what,
        why = "the database rules over the values named in code"
    );
}

/// The minute report of a pool.
pub(crate) fn report(log: &PoolLog, pool: &str, s: &crate::store::PoolCounts) {
    if log.allows(LogLevel::Info) {
        tracing::info!(
            target: "workpool", event = "report", pool, completed = s.completed(),
            succeeded = s.succeeded, failed = s.failed, retries = s.retries,
            canceled = s.canceled, running = s.running, backlog = s.backlog,
            failure_rate = s.failure_rate(), permanent_failure_rate = s.permanent_failure_rate()
        );
    }
}
