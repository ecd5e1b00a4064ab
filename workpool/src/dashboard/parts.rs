//! Small pieces that several pages show.

use std::time::Duration;

use maud::{Markup, html};
use uuid::Uuid;

use super::links::Links;
use super::text;
use crate::failure::Failure;
use crate::inspect::{Health, Severity, Time, WorkState};
use crate::work::OutcomeKind;

/// How alarming a word is: a class of the style sheet.
pub(super) const fn tone_of_health(health: Health) -> &'static str {
    match health {
        Health::Ok => "good",
        Health::Paused | Health::Saturated => "warn",
        Health::NoWorker | Health::UnknownFunction | Health::Failing | Health::Behind => "bad",
    }
}

pub(super) const fn tone_of_severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Ok => "good",
        Severity::Note => "calm",
        Severity::Warning => "warn",
        Severity::Problem => "bad",
    }
}

const fn tone_of_state(state: WorkState) -> &'static str {
    match state {
        WorkState::Due | WorkState::Scheduled | WorkState::Canceled => "calm",
        WorkState::Running => "busy",
        WorkState::Succeeded => "good",
        WorkState::Retrying => "warn",
        WorkState::Failed => "bad",
    }
}

pub(super) const fn tone_of_outcome(outcome: OutcomeKind) -> &'static str {
    match outcome {
        OutcomeKind::Success => "good",
        OutcomeKind::Failed => "bad",
        OutcomeKind::Canceled => "calm",
    }
}

/// A word on a coloured ground.
pub(super) fn badge(tone: &str, word: &str) -> Markup {
    html! { span class=(format!("badge {tone}")) { (word) } }
}

pub(super) fn health(health: Health) -> Markup {
    badge(tone_of_health(health), health.as_str())
}

pub(super) fn state(state: WorkState) -> Markup {
    badge(tone_of_state(state), state.as_str())
}

/// A link to a work item, by the end of its id: ids of one time begin alike.
pub(super) fn item(links: &Links, id: Uuid) -> Markup {
    let full = id.to_string();
    html! { a.id href=(links.item(id)) title=(full) { "…" (full[24..]) } }
}

pub(super) fn pool(links: &Links, name: &str) -> Markup {
    html! { a.name href=(links.pool(name)) { bdi { (name) } } }
}

/// The registered name of a function: the module small, the function itself readable.
pub(super) fn function(name: &str) -> Markup {
    let (path, last) = name.rsplit_once("::").map_or(("", name), |(path, last)| (path, last));
    html! {
        bdi.function title=(name) {
            @if !path.is_empty() { span.path { (path) "::" } }
            wbr;
            (last)
        }
    }
}

/// How long ago, with the moment itself for those who want it.
pub(super) fn ago(now: Time, then: Time) -> Markup {
    let passed = now.since(then);
    let words = if passed < Duration::from_secs(1) {
        "just now".to_owned()
    } else {
        format!("{} ago", text::duration(passed))
    };
    moment(then, &words)
}

/// How long until then, or since.
pub(super) fn until(now: Time, then: Time) -> Markup {
    if then > now {
        moment(then, &format!("in {}", text::duration(then.since(now))))
    } else {
        ago(now, then)
    }
}

/// A moment in some words.
pub(super) fn moment(then: Time, words: &str) -> Markup {
    let exact = then.to_string();
    html! { time datetime=(exact) title=(exact) { (words) } }
}

/// A moment in full, to the second, in UTC.
pub(super) fn exactly(then: Time) -> Markup {
    let exact = then.to_string();
    let shown = format!("{} {} UTC", &exact[..10], &exact[11..19]);
    html! { time datetime=(exact) { (shown) } }
}

/// The first line of an error, for lists.
pub(super) fn first_line(failure: Option<&Failure>) -> Markup {
    html! {
        @if let Some(failure) = failure {
            bdi.error title=(text::cut(failure.message(), 1000)) { (text::line(failure.message(), 160)) }
        }
    }
}

/// A cell that says by itself which column it is of, for where there is no room for a head.
pub(super) fn cell(label: &str, content: &Markup) -> Markup {
    html! { td data-label=(label) { (content) } }
}

/// The same for numbers.
pub(super) fn figure(label: &str, content: &str) -> Markup {
    html! { td.figure data-label=(label) { (content) } }
}

/// A link to the page that asks before it acts.
pub(super) fn action(href: &str, word: &str, tone: &str) -> Markup {
    html! { a class=(format!("button {tone}")) href=(href) data-confirm { (word) } }
}
