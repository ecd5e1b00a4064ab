//! One pool: what runs and since when, what waits, what fails and how, and how to steer it.

use std::time::Duration;

use futures_util::future::{try_join, try_join4};
use maud::{Markup, html};
use serde::Deserialize;

use super::failures::groups;
use super::list::{Columns, rows};
use super::overview::{gauge, lag, tile};
use crate::dashboard::page::{Page, View};
use crate::dashboard::refusal::{Answer, Refusal};
use crate::dashboard::site::Desk;
use crate::dashboard::{chart, parts, text};
use crate::inspect::{self, Bucket, FailureGroup, PoolOverview, WorkFilter, WorkRow, WorkState};

/// A pool, by its name.
#[derive(Debug, Clone, Deserialize)]
pub(in crate::dashboard) struct Pool {
    name: String,
}

/// Rows of each list; the full lists are a page of their own.
const FEW: u32 = 15;
const HOUR: Duration = Duration::from_hours(1);
/// How far back failures are grouped.
const DAY: Duration = Duration::from_hours(24);

impl View for Pool {
    async fn page(&self, desk: &Desk) -> Answer<Page> {
        let inspector = desk.inspector();
        let name = &*self.name;
        let Some(pool) = inspector.pool(name).await? else {
            return Err(Refusal::not_found(format!("There is no pool `{name}`.")));
        };
        let of = |state| WorkFilter::new().pool(name).state(state);
        let (running, due) = (of(WorkState::Running), of(WorkState::Due));
        let retrying = of(WorkState::Retrying);
        let lists = try_join4(
            inspector.work(&running, None, FEW),
            inspector.work(&due, None, FEW),
            inspector.work(&retrying, None, FEW),
            inspector.failures(Some(name), DAY, FEW),
        );
        let (history, (running, due, retrying, failures)) =
            try_join(inspector.history(Some(name), HOUR, 60), lists).await?;
        let content = html! {
            (head(desk, &pool))
            (numbers(&pool))
            (charts(&history))
            (section(desk, &pool, "Running now", WorkState::Running, &running))
            (section(desk, &pool, "Due and waiting", WorkState::Due, &due))
            (section(desk, &pool, "Waiting for another attempt", WorkState::Retrying, &retrying))
            (failing(desk, &pool, &failures))
            (holders(&pool))
        };
        Ok(Page { title: pool.name.clone(), tab: None, content })
    }

    fn pool(&self) -> Option<&str> {
        Some(&self.name)
    }
}

/// The actions on a pool as a whole.
pub(super) fn steering(desk: &Desk, pool: &PoolOverview) -> Markup {
    let act = |verb: &str| desk.links.with(&format!("/act/{verb}"), &[("pool", &pool.name)]);
    html! {
        @if pool.paused { (parts::action(&act("resume"), "Resume", "")) }
        @else { (parts::action(&act("pause"), "Pause", "")) }
        (parts::action(&act("scale"), "Scale", ""))
    }
}

fn head(desk: &Desk, pool: &PoolOverview) -> Markup {
    html! {
        section.head id="pool-head" {
            h1 { bdi { (pool.name) } " " (parts::health(pool.health)) }
            @if !desk.site.read_only { div.actions { (steering(desk, pool)) } }
            @if !pool.reason.is_empty() { p.reason { bdi { (pool.reason) } } }
        }
    }
}

fn numbers(pool: &PoolOverview) -> Markup {
    let (minute, hour) = (pool.minute, pool.hour);
    html! {
        dl.tiles id="tiles" {
            div { dt { "Running" } dd { (gauge(pool)) } }
            (tile("Due and waiting", &text::count(pool.backlog)))
            (tile("Lag", &lag(pool)))
            (tile("Scheduled", &text::count(pool.scheduled)))
            (tile("Succeeded, last minute", &text::number(minute.succeeded)))
            (tile("Failed, last hour", &text::number(hour.failed)))
            (tile("Attempts that failed", &text::percent(hour.failure_rate())))
            (tile("Parked callbacks", &text::count(pool.parked_callbacks)))
            (tile("Live workers", &text::number(pool.workers)))
        }
    }
}

fn charts(history: &[Bucket]) -> Markup {
    html! {
        section.charts id="charts" aria-label="The last hour" {
            (chart::throughput(history))
            (chart::latency("Start lag", history, |b| b.lag_avg_ms, |b| b.lag_max_ms))
            (chart::latency("Duration", history, |b| b.duration_avg_ms, |b| b.duration_max_ms))
        }
    }
}

/// A few items in one state, and the way to all of them.
fn section(
    desk: &Desk,
    pool: &PoolOverview,
    title: &str,
    state: WorkState,
    page: &inspect::Page<WorkRow>,
) -> Markup {
    let query = [("pool", &*pool.name), ("state", state.as_str())];
    let all = desk.links.with("/work", &query);
    html! {
        section id=(format!("list-{state}")) class=[none(&page.rows)] {
            h2 { (title) }
            @if page.rows.is_empty() {
                p.muted { "None." }
            } @else {
                (rows(desk, &page.rows, page.now, Columns::OfPool))
                @if page.next.is_some() { p { a href=(all) { "All of them" } } }
            }
            @if !page.rows.is_empty() && !desk.site.read_only {
                @let cancel = desk.links.with("/act/cancel-matching", &query);
                p.actions { (parts::action(&cancel, "Cancel all of these", "danger")) }
            }
        }
    }
}

/// A section without anything takes one line.
fn none<T>(rows: &[T]) -> Option<&'static str> {
    rows.is_empty().then_some("none")
}

fn failing(desk: &Desk, pool: &PoolOverview, failures: &[FailureGroup]) -> Markup {
    html! {
        section id="failures" class=[none(failures)] {
            h2 { "Failed in the last day, by error" }
            @if failures.is_empty() { p.muted { "None." } }
            @else {
                (groups(desk, failures))
                p { a href=(desk.links.with("/failures", &[("pool", &pool.name)])) { "All failures" } }
            }
        }
    }
}

/// Who holds the slots.
fn holders(pool: &PoolOverview) -> Markup {
    html! {
        section id="holders" class=[none(&pool.holders)] {
            h2 { "Who holds its slots" }
            @if pool.holders.is_empty() { p.muted { "Nobody." } }
            @else {
                table.fold {
                    thead { tr {
                        th scope="col" { "Worker" }
                        th scope="col" { "Host" }
                        th.figure scope="col" { "Process" }
                        th.figure scope="col" { "Slots" }
                    } }
                    tbody { @for holder in &pool.holders { tr {
                        th.id scope="row" { (holder.worker) }
                        (parts::cell("Host", &html! { bdi { (holder.host.as_deref().unwrap_or("not known any more")) } }))
                        (parts::figure("Process", &holder.pid.map_or_else(String::new, |pid| pid.to_string())))
                        (parts::figure("Slots", &text::number(holder.granted)))
                    } } }
                }
            }
        }
    }
}
