//! Work items in a list: filtered, a page at a time, with actions on those that are picked or on all
//! that the filter means.

use std::str::FromStr;
use std::time::Duration;

use maud::{Markup, html};
use serde::Deserialize;

use crate::dashboard::page::{Page, View};
use crate::dashboard::refusal::Answer;
use crate::dashboard::shell::Tab;
use crate::dashboard::site::Desk;
use crate::dashboard::{parts, text};
use crate::inspect::{self, Cursor, Time, WorkFilter, WorkRow, WorkState};

/// Items of a page.
const ROWS: u32 = 50;

/// What a list is to show, as the form says it: an empty field says nothing.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(in crate::dashboard) struct List {
    pub(in crate::dashboard) pool: String,
    pub(in crate::dashboard) function: String,
    pub(in crate::dashboard) state: String,
    pub(in crate::dashboard) name: String,
    pub(in crate::dashboard) error: String,
    /// Seconds, or `5m`, `2h`, `3d`.
    pub(in crate::dashboard) older: String,
    after: String,
    /// An id that somebody pasted.
    id: String,
}

impl List {
    /// The fields that say something, for links and forms.
    pub(in crate::dashboard) fn query(&self) -> Vec<(&'static str, &str)> {
        let fields = [
            ("pool", &*self.pool),
            ("function", &self.function),
            ("state", &self.state),
            ("name", &self.name),
            ("error", &self.error),
            ("older", &self.older),
        ];
        fields.into_iter().filter(|(_, value)| !value.is_empty()).collect()
    }

    /// The filter that this means.
    pub(in crate::dashboard) fn filter(&self) -> crate::Result<WorkFilter> {
        let mut filter = WorkFilter::new();
        let said = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        filter.pool = said(&self.pool);
        filter.function = said(&self.function);
        filter.name = said(&self.name);
        filter.error = said(&self.error);
        filter.state = said(&self.state).map(|state| state.parse()).transpose()?;
        filter.older_than = said(&self.older).map(|age| parse_age(&age)).transpose()?;
        Ok(filter)
    }
}

/// A number of seconds, minutes, hours or days.
fn parse_age(text: &str) -> crate::Result<Duration> {
    let text = text.trim();
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = match text[digits.len()..].trim() {
        "" | "s" => Some(1),
        "m" | "min" => Some(60),
        "h" => Some(3600),
        "d" => Some(86_400),
        _ => None,
    };
    let seconds = u64::from_str(digits).ok().zip(unit).and_then(|(n, unit)| n.checked_mul(unit));
    seconds.map(Duration::from_secs).ok_or_else(|| {
        let why = format!("`{}` is not like 90, 5m, 2h or 3d", text.escape_debug());
        crate::Error::invalid("age", why)
    })
}

impl View for List {
    async fn page(&self, desk: &Desk) -> Answer<Page> {
        let id = self.id.trim().parse().ok();
        let filter = self.filter()?;
        let after = (!self.after.is_empty()).then(|| Cursor::from_str(&self.after));
        let Ok(after) = after.transpose();
        let page = desk.inspector().work(&filter, after.as_ref(), ROWS).await?;
        let content = html! {
            h1 { "Work" }
            (form(desk, self))
            @if let Some(id) = id { p { "By its id: " (parts::item(&desk.links, id)) } }
            section id="items" {
                (table(desk, self, &page))
                (turn(desk, self, &page))
            }
        };
        Ok(Page { title: "Work".into(), tab: Some(Tab::Work), content })
    }

    fn pool(&self) -> Option<&str> {
        Some(&*self.pool).filter(|pool| !pool.is_empty())
    }
}

fn form(desk: &Desk, list: &List) -> Markup {
    html! {
        form.filter id="filter" method="get" action=(desk.links.to("/work")) role="search" {
            label { "Pool" input name="pool" value=(list.pool); }
            label { "Function" input name="function" value=(list.function); }
            label { "State"
                select name="state" {
                    option value="" { "not ended" }
                    @for state in WorkState::ALL {
                        option value=(state) selected[list.state == state.as_str()] { (state) }
                    }
                }
            }
            label { "Name" input name="name" value=(list.name); }
            label { "Error contains" input name="error" value=(list.error); }
            label { "Older than" input name="older" value=(list.older) placeholder="5m, 2h, 3d" size="8"; }
            button { "Filter" }
            @if !list.query().is_empty() { a.button href=(desk.links.to("/work")) { "Clear" } }
        }
    }
}

fn table(desk: &Desk, list: &List, page: &inspect::Page<WorkRow>) -> Markup {
    if page.rows.is_empty() {
        let more = page.next.is_some();
        return html! { p.muted {
            @if more { "None so far: the filter lets few pass. Go on to look further." }
            @else { "None." }
        } };
    }
    if desk.site.read_only {
        return rows(desk, &page.rows, page.now, Columns::All);
    }
    let ended = list.state.parse().is_ok_and(WorkState::has_ended);
    let verb = if ended { "retry" } else { "cancel" };
    let succeeded = list.state == WorkState::Succeeded.as_str();
    html! {
        form id="picked" method="get" action=(desk.links.to(&format!("/act/{verb}"))) {
            (rows(desk, &page.rows, page.now, Columns::Picked))
            @if !succeeded { (bulk(desk, list, ended)) }
        }
    }
}

/// What can be done with those that are picked, or with all that the filter means.
fn bulk(desk: &Desk, list: &List, ended: bool) -> Markup {
    let links = &desk.links;
    html! {
        div.actions {
            @if ended {
                button { "Retry picked" }
                (parts::action(&links.with("/act/retry-matching", &list.query()), "Retry all that match", ""))
            } @else {
                button { "Cancel picked" }
                button formaction=(links.to("/act/run-now")) { "Run picked now" }
                (parts::action(&links.with("/act/cancel-matching", &list.query()), "Cancel all that match", "danger"))
            }
        }
    }
}

fn turn(desk: &Desk, list: &List, page: &inspect::Page<WorkRow>) -> Markup {
    let at = |after: &str| {
        let mut query = list.query();
        query.push(("after", after));
        desk.links.with("/work", &query)
    };
    html! {
        nav.turn aria-label="Pages of the list" {
            @if !list.after.is_empty() { a.button href=(at("")) { "To the beginning" } }
            @if let Some(next) = &page.next {
                a.button href=(at(&next.to_string())) rel="next" { "Next " (ROWS) }
            }
        }
    }
}

/// Which columns a list has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Columns {
    /// Its pool is known.
    OfPool,
    All,
    /// All, and a box to pick each.
    Picked,
}

/// Items as a table.
pub(super) fn rows(desk: &Desk, rows: &[WorkRow], now: Time, columns: Columns) -> Markup {
    html! {
        table.fold {
            thead { tr {
                @if columns == Columns::Picked { th.pick scope="col" {
                    input type="checkbox" data-all aria-label="Pick all of this page" hidden;
                } }
                th scope="col" { "Item" }
                th scope="col" { "State" }
                @if columns != Columns::OfPool { th scope="col" { "Pool" } }
                th scope="col" { "Function" }
                th.figure scope="col" { "Attempts" }
                th scope="col" { "When" }
                th scope="col" { "Last error" }
            } }
            tbody { @for row in rows { (line(desk, row, now, columns)) } }
        }
    }
}

fn line(desk: &Desk, row: &WorkRow, now: Time, columns: Columns) -> Markup {
    let links = &desk.links;
    html! {
        tr id=(format!("row-{}", row.id)) {
            @if columns == Columns::Picked { td.pick data-label="Pick" {
                input type="checkbox" name="id" value=(row.id) id=(format!("pick-{}", row.id))
                    aria-label=(format!("Pick {}", row.id));
            } }
            th scope="row" {
                (parts::item(links, row.id))
                @if let Some(name) = &row.name { " " bdi.label { (text::cut(name, 80)) } }
            }
            (parts::cell("State", &html! {
                (parts::state(row.state))
                @if row.cancel_requested { " " (parts::badge("warn", "canceling")) }
                @if row.retried_as.is_some() { " " (parts::badge("calm", "retried")) }
            }))
            @if columns != Columns::OfPool { (parts::cell("Pool", &parts::pool(links, &row.pool))) }
            (parts::cell("Function", &parts::function(&row.function)))
            (parts::figure("Attempts", &row.attempts.to_string()))
            (parts::cell("When", &when(row, now)))
            (parts::cell("Last error", &parts::first_line(row.failure.as_ref())))
        }
    }
}

/// The moment that tells most about an item in its state.
fn when(row: &WorkRow, now: Time) -> Markup {
    match (row.state, row.run_at, row.started_at, row.finished_at) {
        (WorkState::Running, _, Some(started), _) => {
            let running = text::duration(now.since(started));
            html! { "for " (parts::moment(started, &running)) }
        }
        (_, _, _, Some(finished)) => html! { "ended " (parts::ago(now, finished)) },
        (_, Some(run_at), ..) => html! { "due " (parts::until(now, run_at)) },
        _ => html! { "enqueued " (parts::ago(now, row.enqueued_at)) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_read_as_people_write_them() {
        let seconds = |text| parse_age(text).map(|age| age.as_secs()).ok();
        let read = ["90", "5m", " 2 h ", "3d", "1min"].map(seconds);
        assert_eq!(read, [90, 300, 7200, 259_200, 60].map(Some));
        for odd in ["", "m", "5w", "-1", "1.5h", "5mm", "99999999999999999999d", "ü"] {
            assert_eq!(seconds(odd), None, "{odd}");
        }
    }

    #[test]
    fn an_empty_form_means_all_that_has_not_ended() {
        assert_eq!(List::default().filter().unwrap(), WorkFilter::new());
        let odd = List { state: "asleep".into(), ..List::default() };
        assert!(odd.filter().is_err());
    }
}
