//! Collects the spans of a test as OpenTelemetry exports them: those of its thread, where a runtime
//! of one thread has all of its tasks.

use std::sync::Once;

use opentelemetry::trace::{SpanContext, TracerProvider};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::layer::SubscriberExt;
use workpool_tests::eventually;

/// The spans of this thread that have ended, from now until this is dropped.
pub(crate) struct Spans {
    exporter: InMemorySpanExporter,
    _provider: SdkTracerProvider,
    _guard: DefaultGuard,
}

impl Spans {
    /// Begins to collect.
    pub(crate) fn collect() -> Self {
        // While there is a subscriber that may want a span some time, no span is taken for unwanted
        // once and for all by a test that collects none.
        static OTHERS: Once = Once::new();
        OTHERS.call_once(|| {
            let all = tracing_subscriber::registry();
            tracing::subscriber::set_global_default(all).unwrap();
        });
        let exporter = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("tests"));
        let subscriber = tracing_subscriber::registry().with(layer);
        let guard = tracing::subscriber::set_default(subscriber);
        Self { exporter, _provider: provider, _guard: guard }
    }

    /// Those of this name, by their begin, as soon as there are so many.
    pub(crate) async fn named(&self, name: &str, count: usize) -> Vec<SpanData> {
        let named = || {
            let mut spans = self.exporter.get_finished_spans().unwrap();
            spans.retain(|span| span.name == name);
            spans.sort_by_key(|span| span.start_time);
            spans
        };
        let what = format!("{count} spans `{name}` are exported");
        eventually(&what, async || named().len() >= count).await;
        let spans = named();
        assert_eq!(spans.len(), count, "{spans:?}");
        spans
    }
}

/// The spans that one is linked to.
pub(crate) fn links(span: &SpanData) -> Vec<(String, String)> {
    span.links.iter().map(|link| identity(&link.span_context)).collect()
}

/// Trace and span.
pub(crate) fn identity(context: &SpanContext) -> (String, String) {
    (context.trace_id().to_string(), context.span_id().to_string())
}
