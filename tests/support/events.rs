//! Collects the `tracing` events of a test: those of its thread, where a runtime of one thread has
//! all of its tasks.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Once};

use tokio::sync::watch;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::subscriber::Interest;
use tracing::{Level, Metadata, Subscriber};

use crate::waiting::patiently;

/// What was logged, as text by field.
#[derive(Debug, Clone)]
pub struct Event {
    /// Its level.
    pub level: Level,
    fields: Fields,
    span: Option<Fields>,
}

type Fields = BTreeMap<&'static str, String>;

impl Event {
    /// The field `event`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.get("event")
    }

    /// A field; empty when it is not there.
    #[must_use]
    pub fn get(&self, field: &str) -> &str {
        self.fields.get(field).map_or("", |value| value)
    }

    /// Whether it is there.
    #[must_use]
    pub fn has(&self, field: &str) -> bool {
        self.fields.contains_key(field)
    }

    /// A field of the span that it was logged in; empty when it is not there.
    #[must_use]
    pub fn span(&self, field: &str) -> &str {
        self.span.as_ref().and_then(|span| span.get(field)).map_or("", |value| value)
    }
}

/// The events of this thread, from now until this is dropped.
#[derive(Debug)]
pub struct Events {
    log: Arc<watch::Sender<Vec<Event>>>,
    _guard: DefaultGuard,
}

impl Events {
    /// Begins to collect.
    #[must_use]
    pub fn collect() -> Self {
        static SILENT: Once = Once::new();
        SILENT.call_once(|| tracing::subscriber::set_global_default(Silent).unwrap());
        let log = Arc::new(watch::Sender::new(Vec::new()));
        let collector =
            Collector { log: Arc::clone(&log), spans: Mutex::default(), last: AtomicU64::new(0) };
        Self { log, _guard: tracing::subscriber::set_default(collector) }
    }

    /// The events of this name so far.
    #[must_use]
    pub fn named(&self, name: &str) -> Vec<Event> {
        self.log.borrow().iter().filter(|event| event.name() == name).cloned().collect()
    }

    /// Waits for the first event of this name that is like this.
    pub async fn until(&self, name: &str, like: impl Fn(&Event) -> bool) -> Event {
        let mut log = self.log.subscribe();
        let wanted = |event: &&Event| event.name() == name && like(event);
        let any = log.wait_for(|log| log.iter().any(|event| wanted(&event)));
        let log = patiently(&format!("such an event `{name}` is logged"), any).await.unwrap();
        log.iter().find(wanted).cloned().unwrap()
    }
}

/// Collects nothing, for the threads of all other tests: while there is a subscriber that may want
/// an event some time, no event is taken for unwanted once and for all.
struct Silent;

impl Subscriber for Silent {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::sometimes()
    }

    fn enabled(&self, _: &Metadata<'_>) -> bool {
        false
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &tracing::Event<'_>) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Collector {
    log: Arc<watch::Sender<Vec<Event>>>,
    spans: Mutex<Spans>,
    last: AtomicU64,
}

#[derive(Default)]
struct Spans {
    fields: BTreeMap<u64, Fields>,
    entered: Vec<u64>,
}

struct Collect<'f>(&'f mut Fields);

impl Visit for Collect<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}

impl Subscriber for Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "workpool"
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut fields = Fields::new();
        span.record(&mut Collect(&mut fields));
        let id = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        self.spans.lock().unwrap().fields.insert(id, fields);
        Id::from_u64(id)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        if let Some(fields) = self.spans.lock().unwrap().fields.get_mut(&span.into_u64()) {
            values.record(&mut Collect(fields));
        }
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut fields = Fields::new();
        event.record(&mut Collect(&mut fields));
        let spans = self.spans.lock().unwrap();
        let span = spans.entered.last().and_then(|id| spans.fields.get(id)).cloned();
        drop(spans);
        let level = *event.metadata().level();
        self.log.send_modify(|log| log.push(Event { level, fields, span }));
    }

    fn enter(&self, span: &Id) {
        self.spans.lock().unwrap().entered.push(span.into_u64());
    }

    fn exit(&self, _: &Id) {
        self.spans.lock().unwrap().entered.pop();
    }
}
