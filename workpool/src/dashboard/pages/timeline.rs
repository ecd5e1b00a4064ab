//! What happened to a work item, in order.

use maud::{Markup, html};

use crate::dashboard::{parts, text};
use crate::failure::Failure;
use crate::inspect::{Time, WorkDetail, WorkState};

/// From the enqueue to the end, or to what comes next.
pub(super) fn timeline(work: &WorkDetail) -> Markup {
    let row = &work.row;
    let left_out = work.failures.first().map_or(0, |first| first.attempt().saturating_sub(1));
    // The latest attempt may be among those that failed: after its claim then.
    let earlier = work.failures.partition_point(|failure| failure.attempt() < row.attempts);
    let (earlier, latest) = work.failures.split_at(earlier);
    html! {
        section id="timeline" {
            h2 { "Timeline" }
            ol.timeline {
                li.calm { strong { "Enqueued" } " " (parts::exactly(row.enqueued_at)) }
                @if left_out > 0 {
                    li.calm { "Before attempt " (left_out + 1) " nothing is kept" }
                }
                @for failure in earlier { (failed(failure)) }
                (claimed(work))
                @for failure in latest { (failed(failure)) }
                @if let (None, Some(run_at)) = (row.worker, row.run_at) {
                    li.calm { strong { "Next attempt" } " " (parts::exactly(run_at)) }
                }
                (end(work))
            }
        }
    }
}

fn failed(failure: &Failure) -> Markup {
    html! {
        li.bad {
            strong { "Attempt " (failure.attempt()) " failed" }
            @if let Some(at) = failure.at() { " " (parts::exactly(Time::from(at))) }
            @if let Some(took) = failure.took() { ", after " (text::duration(took)) }
            " " span.kind { (failure.kind()) }
            pre.error { bdi { (failure.message()) } }
            @for source in failure.sources() { pre.error { "caused by: " bdi { (source) } } }
        }
    }
}

/// The attempt that runs, or the last one there was.
fn claimed(work: &WorkDetail) -> Markup {
    let row = &work.row;
    let Some(started) = row.started_at else { return html! {} };
    let running = row.state == WorkState::Running;
    html! {
        li.busy {
            strong { "Attempt " (row.attempts) " claimed" } " " (parts::exactly(started))
            @if running { ", running for " (text::duration(work.now.since(started))) }
        }
    }
}

fn end(work: &WorkDetail) -> Markup {
    let row = &work.row;
    let Some(finished) = row.finished_at else { return html! {} };
    let tone = match row.state {
        WorkState::Succeeded => "good",
        WorkState::Failed => "bad",
        _ => "calm",
    };
    html! {
        li class=(tone) {
            strong.end { (row.state) } " " (parts::exactly(finished))
            @if let Some(started) = row.started_at {
                ", " (text::duration(finished.since(started))) " after the last claim"
            }
        }
    }
}
