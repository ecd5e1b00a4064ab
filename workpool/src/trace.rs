//! Traces across the database: the span in which work is enqueued is stored with it as a W3C
//! traceparent, followed by its tracestate where vendors keep one, and the spans of its attempts and
//! of its callback follow from that. Without the feature `opentelemetry` nothing is stored.

#[cfg(not(feature = "opentelemetry"))]
pub(crate) use self::off::{current, failed, follow};
#[cfg(feature = "opentelemetry")]
pub(crate) use self::on::{current, failed, follow};

#[cfg(not(feature = "opentelemetry"))]
mod off {
    use std::fmt::Display;

    use tracing::Span;

    pub(crate) const fn current() -> Option<String> {
        None
    }

    pub(crate) const fn follow(_: &Span, _: Option<&str>, _: bool) -> Option<String> {
        None
    }

    pub(crate) const fn failed(_: &dyn Display) {}
}

#[cfg(feature = "opentelemetry")]
mod on {
    use std::fmt::Display;
    use std::str::FromStr;

    use opentelemetry::Context;
    use opentelemetry::trace::{
        SpanContext, SpanId, Status, TraceContextExt, TraceFlags, TraceId, TraceState,
    };
    use tracing::Span;
    use tracing_opentelemetry::OpenTelemetrySpanExt;

    /// Bytes of a tracestate that have to be passed on; a longer one is left out.
    const STATE: usize = 512;

    /// The span that whoever enqueues is in, be it of `tracing` or of OpenTelemetry itself.
    pub(crate) fn current() -> Option<String> {
        header(&Span::current().context()).or_else(|| header(&Context::current()))
    }

    /// Has a new span follow from a stored one: linked to it, or, `continues`, as its child. Answers
    /// with what is to be stored of the new one.
    pub(crate) fn follow(span: &Span, from: Option<&str>, continues: bool) -> Option<String> {
        span.record("otel.kind", "consumer");
        match from.and_then(parse) {
            // Without a layer that exports spans there is nothing to be a child.
            Some(from) if continues => {
                drop(span.set_parent(Context::new().with_remote_span_context(from)));
            }
            Some(from) => span.add_link(from),
            None => {}
        }
        header(&span.context())
    }

    /// Marks the present span.
    pub(crate) fn failed(why: &dyn Display) {
        Span::current().set_status(Status::error(why.to_string()));
    }

    fn header(context: &Context) -> Option<String> {
        let span = context.span();
        let known = span.span_context();
        let (trace, flags) = (known.trace_id(), known.trace_flags());
        known.is_valid().then(|| {
            let state = known.trace_state().header();
            let state = Some(state).filter(|state| !state.is_empty() && state.len() <= STATE);
            let state = state.map(|state| format!(" {state}")).unwrap_or_default();
            format!("00-{trace}-{}-{flags:02x}{state}", known.span_id())
        })
    }

    /// What makes no sense is no trace.
    fn parse(header: &str) -> Option<SpanContext> {
        let (header, state) = header.split_once(' ').unwrap_or((header, ""));
        let mut parts = header.split('-').skip(1);
        let trace = TraceId::from_hex(parts.next()?).ok()?;
        let span = SpanId::from_hex(parts.next()?).ok()?;
        let flags = TraceFlags::new(u8::from_str_radix(parts.next()?, 16).ok()?);
        let state = TraceState::from_str(state).unwrap_or(TraceState::NONE);
        let context = SpanContext::new(trace, span, flags, true, state);
        context.is_valid().then_some(context)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn what_is_stored_reads_back_and_garbage_is_no_trace() {
            let span = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
            let again = |stored: &str| {
                header(&Context::new().with_remote_span_context(parse(stored).unwrap()))
            };
            for stored in [span.to_owned(), format!("{span} rojo=00f067aa,congo=t61rcWkgMzE")] {
                assert_eq!(again(&stored), Some(stored));
            }
            // A state that is too long, or none, takes nothing from the span.
            for state in [format!(" a={}", "x".repeat(600)), " a".into(), " ü=,=".into()] {
                assert_eq!(again(&format!("{span}{state}")).as_deref(), Some(span), "{state}");
            }
            for garbage in ["", "00", "00-0-0-00", "00-zz-b7ad6b7169203331-01", "-ü--"] {
                assert!(parse(garbage).is_none(), "{garbage}");
            }
            assert!(current().is_none());
        }
    }
}
