//! One work item: why it is not running, its attempts in order, what it was given, its callback.

use std::time::Duration;

use futures_util::future::try_join;
use maud::{Markup, html};
use uuid::Uuid;

use super::timeline::timeline;
use crate::dashboard::page::{Page, View};
use crate::dashboard::redact::{Part, Shown};
use crate::dashboard::refusal::{Answer, Refusal};
use crate::dashboard::shell::Tab;
use crate::dashboard::site::Desk;
use crate::dashboard::{parts, text};
use crate::inspect::{CallbackState, Why, WorkCallback, WorkDetail, WorkState};

/// A work item, by its id.
#[derive(Debug, Clone)]
pub(in crate::dashboard) struct Item {
    id: Uuid,
}

impl Item {
    /// As an address names it.
    pub(in crate::dashboard) fn parse(id: &str) -> Answer<Self> {
        let id =
            id.parse().map_err(|_| Refusal::not_found("That is not the id of a work item."))?;
        Ok(Self { id })
    }
}

impl View for Item {
    async fn page(&self, desk: &Desk) -> Answer<Page> {
        let inspector = desk.inspector();
        let found = try_join(inspector.show(self.id), inspector.why(self.id)).await?;
        let (Some(work), Some(why)) = found else {
            let what = "No such work: never enqueued, rolled back, or its end is no longer kept.";
            return Err(Refusal::not_found(what));
        };
        let content = html! {
            (head(desk, &work))
            (reason(&why))
            (facts(desk, &work))
            (timeline(&work))
            (given(desk, &work))
            @if let Some(callback) = &work.callback { (completion(desk, &work, callback)) }
        };
        let id = self.id.to_string();
        Ok(Page { title: format!("…{}", &id[24..]), tab: Some(Tab::Work), content })
    }
}

fn head(desk: &Desk, work: &WorkDetail) -> Markup {
    let row = &work.row;
    html! {
        section.head id="item-head" {
            h1 { (parts::function(&row.function)) " " (parts::state(row.state))
                @if row.cancel_requested { " " (parts::badge("warn", "canceling")) }
            }
            @if !desk.site.read_only { div.actions { (steering(desk, work)) } }
            p.id { (row.id) }
            @if let Some(name) = &row.name { p { bdi { (name) } } }
        }
    }
}

/// What can be done with an item in its state.
fn steering(desk: &Desk, work: &WorkDetail) -> Markup {
    let id = work.row.id.to_string();
    let act = |verb: &str| desk.links.with(&format!("/act/{verb}"), &[("id", &id)]);
    html! {
        @match work.row.state {
            WorkState::Scheduled | WorkState::Retrying => {
                (parts::action(&act("run-now"), "Run now", ""))
                (parts::action(&act("cancel"), "Cancel", "danger"))
            }
            WorkState::Due | WorkState::Running => {
                @if !work.row.cancel_requested { (parts::action(&act("cancel"), "Cancel", "danger")) }
            }
            WorkState::Failed | WorkState::Canceled => {
                @if work.row.retried_as.is_none() { (parts::action(&act("retry"), "Retry", "")) }
            }
            WorkState::Succeeded => {}
        }
        @if work.callback.as_ref().is_some_and(|c| c.state == Some(CallbackState::Parked)) {
            (parts::action(&act("replay"), "Replay callback", ""))
        }
    }
}

/// Why it is not running, for what has not ended; how it ended is said anyway.
fn reason(why: &Why) -> Markup {
    let (title, tone) = match why {
        Why::Ended { .. } => return html! { div id="why" {} },
        Why::Running { abandoned: true, .. } => ("Its worker does not answer", "bad"),
        Why::Running { .. } => ("It runs", "busy"),
        Why::Scheduled { .. } | Why::Due { .. } => ("Why it is not running", "calm"),
        Why::Backoff { .. } | Why::Saturated { .. } | Why::Paused { .. } => {
            ("Why it is not running", "warn")
        }
        _ => ("Why it is not running", "bad"),
    };
    html! {
        section id="why" class=(format!("why {tone}")) {
            h2 { (title) }
            p { bdi { (why) } }
        }
    }
}

fn facts(desk: &Desk, work: &WorkDetail) -> Markup {
    let (row, links) = (&work.row, &desk.links);
    html! {
        dl.facts id="facts" {
            (fact("Pool", &parts::pool(links, &row.pool)))
            (fact("Kind", &html! { (row.kind.as_str()) }))
            (fact("Attempts", &html! {
                (row.attempts)
                @if let Some(most) = work.max_attempts { " of " (most) } @else { ", no retries" }
            }))
            @if let Some(policy) = policy(work) { (fact("Backoff", &policy)) }
            (fact("Enqueued", &html! { (parts::exactly(row.enqueued_at)) }))
            @if let Some(run_at) = row.run_at {
                (fact("Due", &html! { (parts::exactly(run_at)) ", " (parts::until(work.now, run_at)) }))
            }
            @if let Some(worker) = row.worker {
                (fact("Worker", &html! {
                    bdi { (work.host.as_deref().unwrap_or("not known any more")) }
                    @if let Some(pid) = work.pid { ", process " (pid) }
                    " " span.id { (worker) }
                }))
            }
            @if let Some(old) = work.retry_of { (fact("Tries again", &parts::item(links, old))) }
            @if let Some(new) = row.retried_as { (fact("Tried again as", &parts::item(links, new))) }
            @if let Some(expires) = work.expires_at {
                (fact("Forgotten", &parts::until(work.now, expires)))
            }
        }
    }
}

fn fact(word: &str, value: &Markup) -> Markup {
    html! { div { dt { (word) } dd { (value) } } }
}

fn policy(work: &WorkDetail) -> Option<Markup> {
    let _several = work.max_attempts.filter(|most| *most > 1)?;
    let (first, base) = (work.initial_backoff_ms?, work.backoff_base?);
    let first = text::duration(Duration::from_millis(first));
    let cap = work.max_backoff_ms.map(|cap| text::duration(Duration::from_millis(cap)));
    Some(html! {
        (first) ", then × " (base)
        @if let Some(cap) = cap { ", at most " (cap) }
    })
}

/// What it was given, and what it answered.
fn given(desk: &Desk, work: &WorkDetail) -> Markup {
    let row = &work.row;
    let reason =
        if work.hidden { "hidden: the user of the database may not read it" } else { "not kept" };
    html! {
        section id="args" {
            h2 { "Arguments" }
            (json(desk, &row.function, Part::Given, work.args.as_deref(), reason))
        }
        @if row.state == WorkState::Succeeded {
            section id="result" {
                h2 { "Result" }
                (json(desk, &row.function, Part::Result, work.result.as_deref(), reason))
            }
        }
    }
}

fn json(desk: &Desk, function: &str, part: Part, json: Option<&str>, otherwise: &str) -> Markup {
    let shown = json.map(|json| desk.site.redaction.show(function, part, json));
    html! {
        @match shown {
            Some(Shown::Text(text)) => pre.json { bdi { (text) } },
            Some(Shown::Hidden(why)) => p.muted { (why) },
            None => p.muted { (otherwise) },
        }
    }
}

fn completion(desk: &Desk, work: &WorkDetail, callback: &WorkCallback) -> Markup {
    let ended = work.row.state.has_ended();
    html! {
        section id="callback" {
            h2 { "Callback" }
            p { (parts::function(&callback.name)) " "
                @match callback.state {
                    Some(CallbackState::Parked) => (parts::badge("bad", "parked")),
                    Some(CallbackState::Running) => (parts::badge("busy", "running")),
                    Some(_) => (parts::badge("calm", "due")),
                    None if ended => (parts::badge("good", "has run")),
                    None => (parts::badge("calm", "when the work has ended")),
                }
                @if callback.attempts > 0 { " after " (callback.attempts) " attempts" }
            }
            @if let Some(failure) = &callback.failure { pre.error { bdi { (failure.message()) } } }
            @if callback.context.is_some() {
                h3 { "Context" }
                (json(desk, &callback.name, Part::Given, callback.context.as_deref(), "none"))
            }
        }
    }
}
