//! What failed, grouped by function and error, the largest group first.

use std::time::Duration;

use maud::{Markup, html};
use serde::Deserialize;

use crate::dashboard::page::{Page, View};
use crate::dashboard::refusal::Answer;
use crate::dashboard::shell::Tab;
use crate::dashboard::site::Desk;
use crate::dashboard::{parts, text};
use crate::inspect::FailureGroup;

/// Failures of one pool or of all, over some hours.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(in crate::dashboard) struct Failures {
    pool: String,
    hours: String,
}

const GROUPS: u32 = 50;
/// Windows to choose from, in hours.
const WINDOWS: [(&str, &str); 4] =
    [("1", "last hour"), ("6", "last 6 hours"), ("24", "last day"), ("168", "last week")];
const USUAL: u64 = 24;

impl Failures {
    fn hours(&self) -> u64 {
        self.hours.parse().map_or(USUAL, |hours: u64| hours.clamp(1, 24 * 366))
    }
}

impl View for Failures {
    async fn page(&self, desk: &Desk) -> Answer<Page> {
        let window = Duration::from_hours(self.hours());
        let found = desk.inspector().failures(self.pool(), window, GROUPS).await?;
        let content = html! {
            h1 { "Failures" }
            (form(desk, self))
            section id="groups" {
                @if found.is_empty() { p.muted { "Nothing failed that is still kept." } }
                @else { (groups(desk, &found)) }
            }
        };
        Ok(Page { title: "Failures".into(), tab: Some(Tab::Failures), content })
    }

    fn pool(&self) -> Option<&str> {
        Some(&*self.pool).filter(|pool| !pool.is_empty())
    }
}

fn form(desk: &Desk, view: &Failures) -> Markup {
    let hours = view.hours().to_string();
    html! {
        form.filter id="filter" method="get" action=(desk.links.to("/failures")) role="search" {
            label { "Pool" input name="pool" value=(view.pool); }
            label { "Ended"
                select name="hours" {
                    @for (value, word) in WINDOWS {
                        option value=(value) selected[value == hours] { (word) }
                    }
                }
            }
            button { "Filter" }
        }
    }
}

/// Groups as a table.
pub(super) fn groups(desk: &Desk, groups: &[FailureGroup]) -> Markup {
    html! {
        table.fold {
            thead { tr {
                th scope="col" { "Error" }
                th scope="col" { "Function" }
                th scope="col" { "Pool" }
                th.figure scope="col" { "Items" }
                th.figure scope="col" { "Retried" }
                th scope="col" { "Latest" }
                @if !desk.site.read_only { th scope="col" { span.hidden { "Actions" } } }
            } }
            tbody { @for group in groups { (row(desk, group)) } }
        }
    }
}

fn row(desk: &Desk, group: &FailureGroup) -> Markup {
    let links = &desk.links;
    let query = [
        ("pool", &*group.pool),
        ("function", &*group.function),
        ("state", "failed"),
        ("error", longest_part(&group.error)),
    ];
    html! {
        tr {
            th.error scope="row" {
                a href=(links.with("/work", &query)) { bdi { (text::cut(&group.error, 300)) } }
            }
            (parts::cell("Function", &parts::function(&group.function)))
            (parts::cell("Pool", &parts::pool(links, &group.pool)))
            (parts::figure("Items", &text::number(group.items)))
            (parts::figure("Retried", &text::number(group.retried)))
            (parts::cell("Latest", &html! {
                (parts::item(links, group.latest)) " " (parts::exactly(group.latest_at))
            }))
            @if !desk.site.read_only {
                td.actions {
                    @if group.retried < group.items {
                        (parts::action(&links.with("/act/retry-matching", &query), "Retry these", ""))
                    }
                }
            }
        }
    }
}

/// What all errors of a group have in common and a filter can ask for: the longest part between
/// the places where they differ.
fn longest_part(error: &str) -> &str {
    error.split('…').map(str::trim).max_by_key(|part| part.len()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_found_again_by_what_its_errors_share() {
        assert_eq!(longest_part("user … has no mailbox"), "has no mailbox");
        assert_eq!(longest_part("timed out"), "timed out");
        assert_eq!(longest_part("…"), "");
    }
}
