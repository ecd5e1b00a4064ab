//! The metrics of one pool, as one worker sees it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

use super::function::FunctionMeter;
use super::level::Level;
use super::names;
use crate::store::{Look as Found, PoolSync};

#[derive(Debug)]
pub(super) struct PoolMeter {
    name: Arc<str>,
    functions: HashMap<Box<str>, FunctionMeter>,
    running: Gauge,
    slots: Level,
    limit: Gauge,
    paused: Gauge,
    claims: Counter,
    items: Histogram,
    look: Look,
}

/// What a report of this worker has found, until somebody else makes the next one.
#[derive(Debug)]
struct Look {
    at: Option<Instant>,
    backlog: Level,
    oldest_due: Level,
    parked: Level,
}

impl PoolMeter {
    pub(super) fn new(name: &Arc<str>) -> Self {
        let labels = [("pool", Arc::clone(name))];
        let level = |metric: &'static str| Level::new(gauge!(metric, &labels), 0.0);
        Self {
            name: Arc::clone(name),
            functions: HashMap::new(),
            running: gauge!(names::RUNNING, &labels),
            slots: level(names::SLOTS),
            limit: gauge!(names::LIMIT, &labels),
            paused: gauge!(names::PAUSED, &labels),
            claims: counter!(names::CLAIMS, &labels),
            items: histogram!(names::CLAIM_ITEMS, &labels),
            look: Look {
                at: None,
                backlog: level(names::BACKLOG),
                oldest_due: level(names::OLDEST_DUE),
                parked: level(names::PARKED),
            },
        }
    }

    pub(super) fn function(&mut self, function: &str) -> FunctionMeter {
        if let Some(known) = self.functions.get(function) {
            return known.clone();
        }
        let new = FunctionMeter::new(&self.name, function, self.running.clone());
        self.functions.insert(function.into(), new.clone());
        new
    }

    pub(super) fn claimed(&self, items: i64) {
        self.claims.increment(1);
        self.items.record(float(items));
    }

    /// None: there is no such pool any more.
    pub(super) fn synced(&mut self, row: Option<&PoolSync>) {
        self.slots.set(row.and_then(|row| row.granted).map_or(0.0, float));
        self.limit.set(row.map_or(0.0, |row| float(row.max_parallelism)));
        self.paused.set(f64::from(row.is_some_and(|row| row.paused)));
    }

    pub(super) fn looked(&mut self, backlog: i64, found: &Found, at: Instant) {
        self.look.at = Some(at);
        self.look.backlog.set(float(backlog));
        self.look.oldest_due.set(found.overdue.as_secs_f64());
        self.look.parked.set(float(found.parked));
    }

    /// A look that is older than this, somebody else has repeated since.
    pub(super) fn forget_look(&mut self, age: Duration, now: Instant) {
        if self.look.at.is_some_and(|at| now.duration_since(at) >= age) {
            self.look.at = None;
            for level in [&mut self.look.backlog, &mut self.look.oldest_due, &mut self.look.parked]
            {
                level.set(0.0);
            }
        }
    }

    /// The worker ends.
    pub(super) fn over(&mut self) {
        self.slots.set(0.0);
        self.forget_look(Duration::ZERO, Instant::now());
    }
}

#[expect(clippy::cast_precision_loss, reason = "a count")]
pub(super) const fn float(count: i64) -> f64 {
    count as f64
}
