//! How a worker is set up.

use std::any::Any;
use std::collections::BTreeSet;
use std::time::Duration;

use super::Worker;
use crate::context::State;
use crate::error::{Error, Result};
use crate::handle::Workpool;
use crate::registry::Registry;

/// Everything about a worker that can be set.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) lease: Duration,
    pub(crate) heartbeat: Duration,
    pub(crate) poll: Duration,
    pub(crate) sync: Duration,
    pub(crate) sweep: Duration,
    pub(crate) report: Duration,
    pub(crate) grace: Duration,
    pub(crate) transactions: u32,
    pub(crate) callbacks: u32,
    pub(crate) continue_traces: bool,
    pub(crate) host: String,
    pools: Option<BTreeSet<String>>,
    pub(super) functions: Option<BTreeSet<String>>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(30),
            heartbeat: Duration::from_secs(5),
            poll: Duration::from_secs(1),
            sync: Duration::from_secs(1),
            sweep: Duration::from_secs(1),
            report: Duration::from_mins(1),
            grace: Duration::from_secs(30),
            transactions: 10,
            callbacks: 5,
            continue_traces: false,
            host: host(),
            pools: None,
            functions: None,
        }
    }
}

impl Settings {
    pub(crate) fn check(&self) -> Result<()> {
        let day = Duration::from_hours(24);
        let fault = if self.heartbeat.is_zero() || self.heartbeat > self.lease / 3 {
            "the heartbeat must be above zero and at most a third of the lease"
        } else if self.lease.max(self.poll).max(self.grace).max(self.report) > day {
            "lease, poll interval, shutdown grace and report interval must be at most a day"
        } else if self.poll.is_zero() {
            "the poll interval must be above zero"
        } else if self.transactions == 0 || self.callbacks == 0 {
            "transactions and callback_parallelism must be at least 1"
        } else {
            return Ok(());
        };
        Err(Error::invalid("worker", fault))
    }

    /// How long an operation of the loops may take before its connection counts as lost: not so long
    /// that a silent network holds up a worker whose lease is renewed, and never so short that a
    /// busy database is taken for a silent one.
    pub(crate) fn deadline(&self) -> Duration {
        (self.lease * 2).clamp(Duration::from_secs(5), Duration::from_mins(1))
    }

    pub(crate) fn serves(&self, pool: &str) -> bool {
        self.pools.as_ref().is_none_or(|pools| pools.contains(pool))
    }

    /// Whether it claims every function of this program.
    pub(crate) const fn runs_all(&self) -> bool {
        self.functions.is_none()
    }

    /// The functions that it claims.
    pub(crate) fn functions(&self, registry: &Registry) -> Vec<&'static str> {
        let mut names = registry.names(false);
        if let Some(only) = &self.functions {
            names.retain(|name| only.contains(*name));
        }
        names
    }
}

/// The name of this machine, for people who read the table of workers.
fn host() -> String {
    let kernel = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = kernel.or_else(|| std::env::var("HOSTNAME").ok());
    name.map_or_else(|| "unknown".into(), |name| name.trim().to_owned())
}

/// A worker that is still to be started.
#[derive(Debug)]
#[must_use = "nothing runs until `start` is called"]
pub struct WorkerBuilder {
    workpool: Workpool,
    state: State,
    settings: Settings,
}

impl Workpool {
    /// A worker in this process, for all functions that are linked into it and all pools.
    ///
    /// It uses up to 8 connections of its own for its loops, up to
    /// [`transactions`](WorkerBuilder::transactions) and 16 more for bodies, and up to
    /// [`callback_parallelism`](WorkerBuilder::callback_parallelism) for callbacks: 39 by default, beside
    /// those of the handle and one that listens.
    pub fn worker(&self) -> WorkerBuilder {
        WorkerBuilder {
            workpool: self.clone(),
            state: State::default(),
            settings: Settings::default(),
        }
    }
}

impl WorkerBuilder {
    /// Gives functions a value, which they read by its type with `ctx.state::<T>()`.
    pub fn state<T: Any + Send + Sync>(mut self, value: T) -> Self {
        self.state.insert(value);
        self
    }

    /// How long the worker may be silent before others recover its work. Default 30 s.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.settings.lease = lease;
        self
    }

    /// How often it renews its lease: at most a third of it. Default 5 s.
    pub fn heartbeat(mut self, heartbeat: Duration) -> Self {
        self.settings.heartbeat = heartbeat;
        // What has to be noticed within the lease is looked for as often.
        self.settings.sync = heartbeat.min(Duration::from_secs(1));
        self.settings.sweep = heartbeat.min(Duration::from_secs(1));
        self
    }

    /// How often it looks for work that nobody told it of. Default 1 s; five times as long while it
    /// has nothing to do and notifications of the database arrive.
    pub fn poll_interval(mut self, poll: Duration) -> Self {
        self.settings.poll = poll;
        self
    }

    /// How long a shutdown waits for what runs. Default 30 s. After that what still runs is
    /// dropped: a retryable action is tried again, another one ends failed as `Lost`, mutations
    /// and queries are rolled back and handed back.
    pub fn shutdown_grace(mut self, grace: Duration) -> Self {
        self.settings.grace = grace;
        self
    }

    /// How many transactions of mutations and queries run at once in this process, each on a
    /// connection. Default 10. Beside these, up to 16 pools at once may have one more each, so that a
    /// pool full of long mutations does not stop those of another.
    ///
    /// The database cuts off a body that does nothing with its transaction for ten minutes (or two
    /// leases, if that is longer).
    pub fn transactions(mut self, limit: u32) -> Self {
        self.settings.transactions = limit;
        self
    }

    /// How many callbacks run at once in this process. Default 5.
    pub fn callback_parallelism(mut self, limit: u32) -> Self {
        self.settings.callbacks = limit;
        self
    }

    /// How often each pool's `report` event is logged, by one of all workers. Default a minute.
    pub fn report_interval(mut self, interval: Duration) -> Self {
        self.settings.report = interval;
        self
    }

    /// Whether the spans of attempts and callbacks are children of those in which their work was
    /// enqueued and ended, so that all of it is one trace, sampled as one. Default: they are linked,
    /// each with a trace of its own, as work may be enqueued by the thousand and run days later.
    #[cfg(feature = "opentelemetry")]
    pub fn continue_traces(mut self, continues: bool) -> Self {
        self.settings.continue_traces = continues;
        self
    }

    /// Serves only these pools.
    pub fn only_pools<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.settings.pools = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// Claims only these functions, by their registered names; others are left to other workers, and
    /// need no state here. [`start`](Self::start) refuses a name that no function of this program has.
    pub fn only_functions<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.settings.functions = Some(names.into_iter().map(Into::into).collect());
        self
    }

    #[cfg(feature = "testing")]
    pub(crate) const fn handle(&self) -> &Workpool {
        &self.workpool
    }

    /// Registers the worker and starts it.
    ///
    /// # Errors
    ///
    /// [`Error::Registry`] when functions contradict each other or need application state that was
    /// not given, all of it in one error; [`Error::InvalidConfig`]; [`Error::Database`].
    pub async fn start(self) -> Result<Worker> {
        super::start(self.workpool, self.settings, self.state).await
    }
}
