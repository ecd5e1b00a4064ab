//! Spans are linked from the enqueue through the attempts to the callback, whoever runs them.

use opentelemetry::Context;
use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId, TraceState,
};
use tracing::Instrument;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use workpool::{WorkId, Workpool};
use workpool_tests::{Stage, eventually};

use crate::functions::{flaky, gated, parent, quiet};
use crate::spans::{Spans, identity, links};

/// Enqueues in a span of the application's.
async fn request(workpool: &Workpool, failures: u32) -> WorkId<u32> {
    let enqueue =
        async { flaky::enqueue(workpool, failures).on_complete::<quiet>(()).await.unwrap() };
    enqueue.instrument(tracing::info_span!("request")).await
}

#[tokio::test]
async fn attempts_are_linked_to_the_enqueue_and_the_callback_to_the_last_attempt() {
    let spans = Spans::collect();
    let stage = Stage::new().await;
    let id = request(stage.workpool(), 1).await;
    let other = stage.another_process().await;
    let worker = stage.worker_of(&other).start().await.unwrap();
    assert_eq!(stage.workpool().result(id).await.unwrap(), 2);
    let request = &spans.named("request", 1).await[0];
    let attempts = spans.named("attempt", 2).await;
    let callback = &spans.named("callback", 1).await[0];
    for attempt in &attempts {
        assert_eq!(links(attempt), [identity(&request.span_context)]);
        assert_eq!(attempt.span_kind, SpanKind::Consumer);
    }
    assert_eq!(links(callback), [identity(&attempts[1].span_context)]);
    let mut traces = vec![request.span_context.trace_id(), callback.span_context.trace_id()];
    traces.extend(attempts.iter().map(|attempt| attempt.span_context.trace_id()));
    traces.sort_by_key(ToString::to_string);
    traces.dedup();
    assert_eq!(traces.len(), 4, "each is a trace of its own");
    assert_eq!(attempts[0].status, Status::error("attempt 1 fails"));
    assert_eq!((&attempts[1].status, &callback.status), (&Status::Unset, &Status::Unset));
    worker.shutdown().await;
}

#[tokio::test]
async fn told_to_continue_traces_it_is_one_from_the_enqueue_over_two_attempts_to_the_callback() {
    let spans = Spans::collect();
    let stage = Stage::new().await;
    let id = request(stage.workpool(), 1).await;
    let other = stage.another_process().await;
    let worker = stage.worker_of(&other).continue_traces(true).start().await.unwrap();
    assert_eq!(stage.workpool().result(id).await.unwrap(), 2);
    let request = &spans.named("request", 1).await[0].span_context;
    let attempts = spans.named("attempt", 2).await;
    let callback = &spans.named("callback", 1).await[0];
    for span in attempts.iter().chain([callback]) {
        assert_eq!(span.span_context.trace_id(), request.trace_id());
        assert!(span.links.is_empty() && span.parent_span_is_remote, "{span:?}");
    }
    assert!(attempts.iter().all(|attempt| attempt.parent_span_id == request.span_id()));
    assert_eq!(callback.parent_span_id, attempts[1].span_context.span_id());
    worker.shutdown().await;
}

#[tokio::test]
async fn what_an_attempt_enqueues_is_linked_to_it() {
    let spans = Spans::collect();
    let stage = Stage::new().await;
    parent::enqueue(stage.workpool(), ()).on_complete::<quiet>(()).await.unwrap();
    let worker = stage.start().await;
    let attempts = spans.named("attempt", 2).await;
    let callback = &spans.named("callback", 1).await[0];
    assert!(attempts[0].links.is_empty(), "it was enqueued in no span");
    let mutation = [identity(&attempts[0].span_context)];
    assert_eq!(links(&attempts[1]), mutation);
    assert_eq!(links(callback), mutation, "also when it ended in its own transaction");
    worker.shutdown().await;
}

#[tokio::test]
async fn the_callback_of_work_that_never_ran_is_linked_to_the_enqueue() {
    let spans = Spans::collect();
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    workpool.pool("work").pause().await.unwrap();
    let id = request(workpool, 0).await;
    workpool.cancel(id).await.unwrap();
    let worker = stage.start().await;
    let request = &spans.named("request", 1).await[0];
    let callback = &spans.named("callback", 1).await[0];
    assert_eq!(links(callback), [identity(&request.span_context)]);
    worker.shutdown().await;
}

#[tokio::test]
async fn work_that_is_tried_again_by_hand_is_linked_to_the_attempt_that_failed() {
    let spans = Spans::collect();
    let stage = Stage::new().await;
    let id = request(stage.workpool(), 9).await;
    let worker = stage.start().await;
    stage.workpool().result(id).await.unwrap_err();
    let failed = spans.named("attempt", 2).await.remove(1);
    stage.workpool().inspect().retry(id.uuid()).await.unwrap();
    let again = spans.named("attempt", 4).await.remove(2);
    assert_eq!(links(&again), [identity(&failed.span_context)]);
    worker.shutdown().await;
}

#[tokio::test]
async fn what_vendors_keep_beside_a_trace_goes_with_it() {
    for continues in [false, true] {
        let spans = Spans::collect();
        let stage = Stage::new().await;
        let vendor = TraceState::from_key_value([("rojo", "00f067aa")]).unwrap();
        let (trace, span) = (TraceId::from(7_u128), SpanId::from(8_u64));
        let caller = SpanContext::new(trace, span, TraceFlags::SAMPLED, true, vendor.clone());
        let request = tracing::info_span!("request");
        request.set_parent(Context::new().with_remote_span_context(caller)).unwrap();
        let enqueue = async { flaky::enqueue(stage.workpool(), 0).on_complete::<quiet>(()).await };
        enqueue.instrument(request).await.unwrap();
        let worker = stage.worker().continue_traces(continues).start().await.unwrap();
        let attempt = spans.named("attempt", 1).await.remove(0);
        let callback = spans.named("callback", 1).await.remove(0);
        if continues {
            assert_eq!(attempt.span_context.trace_state(), &vendor);
            assert_eq!(callback.span_context.trace_state(), &vendor);
        } else {
            assert_eq!(attempt.links[0].span_context.trace_state(), &vendor);
        }
        worker.shutdown().await;
    }
}

#[tokio::test]
async fn where_nobody_traces_nothing_is_stored() {
    let stage = Stage::new().await;
    request(stage.workpool(), 0).await;
    gated::enqueue(stage.workpool(), "gate".into()).await.unwrap();
    let stored: i64 = stage.value("SELECT count(trace) FROM workpool.work").await;
    assert_eq!(stored, 0);
}

#[tokio::test]
async fn a_stored_trace_that_makes_no_sense_does_no_harm() {
    let spans = Spans::collect();
    let stage = Stage::new().await;
    let id = request(stage.workpool(), 0).await;
    stage.execute("UPDATE workpool.work SET trace = '00-garbage-ü-?'").await;
    let worker = stage.worker().continue_traces(true).start().await.unwrap();
    assert_eq!(stage.workpool().result(id).await.unwrap(), 1);
    let attempt = &spans.named("attempt", 1).await[0];
    assert!(attempt.links.is_empty() && !attempt.parent_span_is_remote);
    let gone = async || stage.value::<i64>("SELECT count(*) FROM workpool.callbacks").await == 0;
    eventually("the callback has run", gone).await;
    worker.shutdown().await;
}
