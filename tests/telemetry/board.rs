//! A recorder that can be read at any time, for the thread of a test, where a runtime of one thread
//! has all of its tasks.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use metrics::{
    Counter, Gauge, Histogram, HistogramFn, Key, KeyName, LocalRecorderGuard, Metadata, Recorder,
    SharedString, Unit,
};

/// Everything that was registered or described.
#[derive(Debug, Default)]
pub(crate) struct Board {
    numbers: Mutex<BTreeMap<Name, Arc<AtomicU64>>>,
    histograms: Mutex<BTreeMap<Name, Arc<Values>>>,
    described: Mutex<BTreeMap<String, Described>>,
}

/// A kind, a unit and a text.
type Described = (&'static str, Option<Unit>, String);

/// A kind, a name and labels.
type Name = (&'static str, String, BTreeMap<String, String>);

#[derive(Debug, Default)]
struct Values(Mutex<Vec<f64>>);

impl HistogramFn for Values {
    fn record(&self, value: f64) {
        self.0.lock().unwrap().push(value);
    }
}

impl Board {
    /// Begins to record, until the guard is dropped.
    pub(crate) fn begin() -> (&'static Self, LocalRecorderGuard<'static>) {
        let board: &Self = Box::leak(Box::default());
        (board, metrics::set_default_local_recorder(board))
    }

    /// The kinds and labels under which each metric was registered.
    pub(crate) fn registered(&self) -> BTreeMap<String, (&'static str, Vec<String>)> {
        let numbers = self.numbers.lock().unwrap().keys().cloned().collect::<Vec<_>>();
        let histograms = self.histograms.lock().unwrap().keys().cloned().collect::<Vec<_>>();
        let all = numbers.into_iter().chain(histograms);
        all.map(|(kind, name, labels)| (name, (kind, labels.into_keys().collect()))).collect()
    }

    /// The kinds, units and texts with which each metric was described.
    pub(crate) fn described(&self) -> BTreeMap<String, Described> {
        self.described.lock().unwrap().clone()
    }

    /// The sum of the counters with these labels among theirs.
    pub(crate) fn count(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        self.sum("counter", name, labels, |number| number)
    }

    /// The sum of the gauges.
    pub(crate) fn gauge(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.sum("gauge", name, labels, f64::from_bits)
    }

    /// All that was recorded in histograms.
    pub(crate) fn values(&self, name: &str, labels: &[(&str, &str)]) -> Vec<f64> {
        let histograms = self.histograms.lock().unwrap();
        let wanted = histograms.iter().filter(|(key, _)| fits(key, "histogram", name, labels));
        wanted.flat_map(|(_, values)| values.0.lock().unwrap().clone()).collect()
    }

    fn sum<T: std::iter::Sum>(
        &self,
        kind: &str,
        name: &str,
        labels: &[(&str, &str)],
        read: impl Fn(u64) -> T,
    ) -> T {
        let numbers = self.numbers.lock().unwrap();
        let wanted = numbers.iter().filter(|(key, _)| fits(key, kind, name, labels));
        wanted.map(|(_, number)| read(number.load(Ordering::Relaxed))).sum()
    }

    fn number(&self, kind: &'static str, key: &Key) -> Arc<AtomicU64> {
        Arc::clone(self.numbers.lock().unwrap().entry(name(kind, key)).or_default())
    }

    fn describe(
        &self,
        kind: &'static str,
        name: &KeyName,
        unit: Option<Unit>,
        text: &SharedString,
    ) {
        let what = (kind, unit, text.to_string());
        self.described.lock().unwrap().insert(name.as_str().to_owned(), what);
    }
}

fn name(kind: &'static str, key: &Key) -> Name {
    let labels = key.labels().map(|label| (label.key().to_owned(), label.value().to_owned()));
    (kind, key.name().to_owned(), labels.collect())
}

fn fits(key: &Name, kind: &str, name: &str, labels: &[(&str, &str)]) -> bool {
    let has = |(label, value): &(&str, &str)| key.2.get(*label).is_some_and(|v| v == value);
    key.0 == kind && key.1 == name && labels.iter().all(has)
}

impl Recorder for Board {
    fn describe_counter(&self, name: KeyName, unit: Option<Unit>, text: SharedString) {
        self.describe("counter", &name, unit, &text);
    }

    fn describe_gauge(&self, name: KeyName, unit: Option<Unit>, text: SharedString) {
        self.describe("gauge", &name, unit, &text);
    }

    fn describe_histogram(&self, name: KeyName, unit: Option<Unit>, text: SharedString) {
        self.describe("histogram", &name, unit, &text);
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.number("counter", key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.number("gauge", key))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        let mut histograms = self.histograms.lock().unwrap();
        Histogram::from_arc(Arc::clone(histograms.entry(name("histogram", key)).or_default()))
    }
}
