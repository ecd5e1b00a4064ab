//! Callbacks: those that were given up, and those that are still to run.

use std::str::FromStr;

use maud::{Markup, html};
use serde::Deserialize;

use crate::dashboard::page::{Page, View};
use crate::dashboard::refusal::Answer;
use crate::dashboard::shell::Tab;
use crate::dashboard::site::Desk;
use crate::dashboard::{parts, text};
use crate::inspect::{CallbackRow, CallbackState, Cursor, Time};

/// Callbacks in one state, or all.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(in crate::dashboard) struct Callbacks {
    state: String,
    after: String,
}

const ROWS: u32 = 50;

impl View for Callbacks {
    async fn page(&self, desk: &Desk) -> Answer<Page> {
        let state = (!self.state.is_empty()).then(|| self.state.parse()).transpose()?;
        let after = (!self.after.is_empty()).then(|| Cursor::from_str(&self.after));
        let Ok(after) = after.transpose();
        let page = desk.inspector().callbacks(state, after.as_ref(), ROWS).await?;
        let next = page.next.as_ref().map(ToString::to_string);
        let content = html! {
            h1 { "Callbacks" }
            (form(desk, &self.state))
            section id="callbacks" {
                @if page.rows.is_empty() { p.muted { "None." } }
                @else if desk.site.read_only { (table(desk, &page.rows, page.now)) }
                @else {
                    form id="picked" method="get" action=(desk.links.to("/act/replay")) {
                        (table(desk, &page.rows, page.now))
                        div.actions { button { "Replay picked" } }
                    }
                }
                nav.turn aria-label="Pages of the list" {
                    @if let Some(next) = next {
                        @let query = [("state", &*self.state), ("after", &*next)];
                        a.button rel="next" href=(desk.links.with("/callbacks", &query)) { "Next " (ROWS) }
                    }
                }
            }
        };
        Ok(Page { title: "Callbacks".into(), tab: Some(Tab::Callbacks), content })
    }
}

fn form(desk: &Desk, state: &str) -> Markup {
    let states = [CallbackState::Parked, CallbackState::Due, CallbackState::Running];
    html! {
        form.filter id="filter" method="get" action=(desk.links.to("/callbacks")) role="search" {
            label { "State"
                select name="state" {
                    option value="" { "all" }
                    @for each in states {
                        option value=(each) selected[state == each.as_str()] { (each) }
                    }
                }
            }
            button { "Filter" }
        }
    }
}

fn table(desk: &Desk, rows: &[CallbackRow], now: Time) -> Markup {
    let may_pick = !desk.site.read_only;
    html! {
        table.fold {
            thead { tr {
                @if may_pick { th.pick scope="col" {
                    input type="checkbox" data-all aria-label="Pick all of this page" hidden;
                } }
                th scope="col" { "Work" }
                th scope="col" { "State" }
                th scope="col" { "Callback" }
                th scope="col" { "Pool" }
                th scope="col" { "Work ended" }
                th.figure scope="col" { "Attempts" }
                th scope="col" { "When" }
                th scope="col" { "Last error" }
            } }
            tbody { @for row in rows { (line(desk, row, now, may_pick)) } }
        }
    }
}

fn line(desk: &Desk, row: &CallbackRow, now: Time, may_pick: bool) -> Markup {
    let (links, id) = (&desk.links, row.work_id);
    let tone = match row.state {
        CallbackState::Parked => "bad",
        CallbackState::Running => "busy",
        CallbackState::Due => "calm",
    };
    let ended = parts::badge(parts::tone_of_outcome(row.outcome), row.outcome.as_str());
    html! {
        tr id=(format!("row-{id}")) {
            @if may_pick { td.pick data-label="Pick" {
                @if row.state == CallbackState::Parked {
                    input type="checkbox" name="id" value=(id) id=(format!("pick-{id}"))
                        aria-label=(format!("Pick {id}"));
                }
            } }
            th scope="row" { (parts::item(links, id)) " " (parts::function(&row.function)) }
            (parts::cell("State", &parts::badge(tone, row.state.as_str())))
            (parts::cell("Callback", &parts::function(&row.callback)))
            (parts::cell("Pool", &parts::pool(links, &row.pool)))
            (parts::cell("Work ended", &ended))
            (parts::figure("Attempts", &text::number(u64::from(row.attempts))))
            (parts::cell("When", &html! {
                @if let Some(parked) = row.parked_at { "parked " (parts::ago(now, parked)) }
                @else { "due " (parts::until(now, row.run_at)) }
            }))
            (parts::cell("Last error", &parts::first_line(row.failure.as_ref())))
        }
    }
}
