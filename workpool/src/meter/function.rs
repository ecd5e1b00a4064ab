//! The metrics of one function in one pool, and of one callback: registered once, so that to count
//! costs no look-up.

use std::sync::Arc;
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, counter, histogram};

use super::level::Level;
use super::names;

/// A function in a pool. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct FunctionMeter(Arc<OfFunction>);

#[derive(Debug)]
struct OfFunction {
    started: Counter,
    lag: Histogram,
    duration: Histogram,
    outcomes: [(&'static str, Counter); 4],
    recovered: [(&'static str, Counter); 4],
    fenced: Counter,
    running: Gauge,
}

impl FunctionMeter {
    pub(super) fn new(pool: &Arc<str>, function: &str, running: Gauge) -> Self {
        let (pool, function) = (Arc::clone(pool), Arc::<str>::from(function));
        let labels = [("pool", pool), ("function", function)];
        let outcome = |metric: &'static str, word: &'static str| {
            let [pool, function] = labels.clone();
            let labels = [pool, function, ("outcome", word.into())];
            (word, counter!(metric, &labels))
        };
        let completed = ["success", "failed", "retrying", "canceled"];
        let recovered = ["failed", "retrying", "canceled", "run again"];
        Self(Arc::new(OfFunction {
            started: counter!(names::STARTED, &labels),
            lag: histogram!(names::START_LAG, &labels),
            duration: histogram!(names::DURATION, &labels),
            outcomes: completed.map(|word| outcome(names::COMPLETED, word)),
            recovered: recovered.map(|word| outcome(names::RECOVERED, word)),
            fenced: counter!(names::FENCED, &labels),
            running,
        }))
    }

    /// One more item is in hand, until this is dropped.
    pub(crate) fn running(&self) -> Level {
        Level::new(self.0.running.clone(), 1.0)
    }

    pub(crate) fn started(&self, lag_ms: i64) {
        self.0.started.increment(1);
        self.0.lag.record(Duration::from_millis(lag_ms.max(0).unsigned_abs()));
    }

    /// `status` is the word of the event.
    pub(crate) fn ended(&self, status: &str, duration: Duration) {
        count(&self.0.outcomes, status);
        self.0.duration.record(duration);
    }

    /// `outcome` is the word of the event.
    pub(crate) fn recovered(&self, outcome: &str) {
        count(&self.0.recovered, outcome);
    }

    pub(crate) fn fenced(&self) {
        self.0.fenced.increment(1);
    }
}

fn count(counters: &[(&'static str, Counter)], word: &str) {
    if let Some((_, counter)) = counters.iter().find(|(one, _)| *one == word) {
        counter.increment(1);
    }
}

/// A callback. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct CallbackMeter(Arc<OfCallback>);

#[derive(Debug)]
struct OfCallback {
    duration: Histogram,
    succeeded: Counter,
    retrying: Counter,
    parked: Counter,
}

impl CallbackMeter {
    pub(super) fn new(callback: &str) -> Self {
        let function = ("function", Arc::<str>::from(callback));
        let outcome = |word: &'static str| {
            counter!(names::CALLBACKS, &[function.clone(), ("outcome", word.into())])
        };
        Self(Arc::new(OfCallback {
            succeeded: outcome("success"),
            retrying: outcome("retrying"),
            parked: outcome("parked"),
            duration: histogram!(names::CALLBACK_DURATION, &[function]),
        }))
    }

    pub(crate) fn succeeded(&self, duration: Duration) {
        self.0.succeeded.increment(1);
        self.0.duration.record(duration);
    }

    pub(crate) fn failed(&self, parked: bool, duration: Duration) {
        if parked { &self.0.parked } else { &self.0.retrying }.increment(1);
        self.0.duration.record(duration);
    }
}
