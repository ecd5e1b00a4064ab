//! The first page: in ten seconds, which pool is stuck and why.

use std::time::Duration;

use futures_util::future::try_join4;
use maud::{Markup, html};
use serde::Deserialize;

use super::pool::steering;
use super::verdict::verdict;
use crate::dashboard::page::{Page, View};
use crate::dashboard::refusal::Answer;
use crate::dashboard::shell::Tab;
use crate::dashboard::site::Desk;
use crate::dashboard::{chart, parts, text};
use crate::inspect::{Count, Health, PoolOverview};

/// All pools.
#[derive(Debug, Clone, Deserialize)]
pub(in crate::dashboard) struct Overview {}

/// Rows of the table; those who have more pools look for one by its name.
const ROWS: usize = 200;
/// Of those, how many have their own charts.
const CHARTED: usize = 50;
/// Actions among which to look for who paused a pool.
const AUDIT: u32 = 500;

impl View for Overview {
    async fn page(&self, desk: &Desk) -> Answer<Page> {
        let inspector = desk.inspector();
        let hour = Duration::from_hours(1);
        let mut pools = inspector.pools().await?;
        pools.sort_by(|a, b| gravity(a).cmp(&gravity(b)).then_with(|| a.name.cmp(&b.name)));
        let paused = pools.iter().any(|pool| pool.health == Health::Paused);
        let shown: Vec<_> = pools.iter().take(CHARTED).map(|pool| &*pool.name).collect();
        let (history, each, workers, audit) = try_join4(
            inspector.history(None, hour, 60),
            inspector.histories(&shown, hour, chart::PARTS),
            inspector.workers(),
            async { if paused { inspector.audit(AUDIT).await } else { Ok(Vec::new()) } },
        )
        .await?;
        let since = history.first().map(|bucket| bucket.at);
        let small = |pool: &str| {
            let (buckets, since) = each.get(pool).zip(since)?;
            Some(chart::small(buckets, since, hour))
        };
        let alive = workers.iter().filter(|worker| worker.alive).count();
        let content = html! {
            h1.quiet { "Overview" }
            (verdict(desk, &pools, &audit))
            (tiles(&pools, alive))
            section.charts id="charts" aria-label="The last hour" {
                (chart::throughput(&history))
                (chart::latency("Start lag", &history, |b| b.lag_avg_ms, |b| b.lag_max_ms))
                (chart::latency("Duration", &history, |b| b.duration_avg_ms, |b| b.duration_max_ms))
            }
            (table(desk, &pools, &small))
        };
        Ok(Page { title: title(&pools), tab: Some(Tab::Overview), content })
    }
}

/// The worst comes first.
const fn gravity(pool: &PoolOverview) -> u8 {
    match pool.health {
        Health::NoWorker => 0,
        Health::UnknownFunction => 1,
        Health::Failing => 2,
        Health::Behind => 3,
        Health::Saturated => 4,
        Health::Paused => 5,
        Health::Ok => 6,
    }
}

fn title(pools: &[PoolOverview]) -> String {
    match pools.iter().filter(|pool| pool.health != Health::Ok).count() {
        0 => "All well".into(),
        n => format!("{n} of {} pools", pools.len()),
    }
}

/// The same numbers of all pools together.
fn tiles(pools: &[PoolOverview], workers: usize) -> Markup {
    let sum = |of: fn(&PoolOverview) -> Count| {
        let counts = pools.iter().map(of);
        let (items, more) = counts.fold((0, false), |(n, more), c| (n + c.items, more || c.more));
        format!("{}{}", text::number(items), if more { "+" } else { "" })
    };
    let failed: u64 = pools.iter().map(|pool| pool.hour.failed).sum();
    let ended: u64 = pools.iter().map(|pool| pool.minute.succeeded + pool.minute.failed).sum();
    html! {
        dl.tiles id="tiles" {
            (tile("Running", &sum(|pool| pool.running)))
            (tile("Due and waiting", &sum(|pool| pool.backlog)))
            (tile("Scheduled", &sum(|pool| pool.scheduled)))
            (tile("Ended, last minute", &text::number(ended)))
            (tile("Failed, last hour", &text::number(failed)))
            (tile("Parked callbacks", &sum(|pool| pool.parked_callbacks)))
            (tile("Live workers", &workers.to_string()))
        }
    }
}

pub(super) fn tile(word: &str, value: &str) -> Markup {
    html! { div { dt { (word) } dd { (value) } } }
}

fn table(desk: &Desk, pools: &[PoolOverview], small: &dyn Fn(&str) -> Option<Markup>) -> Markup {
    html! {
        section aria-labelledby="pools-title" {
            h2 id="pools-title" { "Pools" }
            table.fold id="pools" {
                thead { tr {
                    th scope="col" { "Pool" }
                    th scope="col" { "Health" }
                    th scope="col" { "Running" }
                    th.figure scope="col" { "Due" }
                    th.figure scope="col" { "Lag" }
                    th.figure scope="col" { "Scheduled" }
                    th.figure scope="col" { "Per minute" }
                    th.trend scope="col" { "Last hour" }
                    th.figure scope="col" { "Failing" }
                    @if !desk.site.read_only { th scope="col" { span.hidden { "Actions" } } }
                } }
                tbody { @for pool in pools.iter().take(ROWS) { (row(desk, pool, small(&pool.name))) } }
            }
            @if pools.len() > ROWS {
                form.filter method="get" action=(desk.links.to("/pool")) {
                    label { (pools.len() - ROWS) " further pools; by name" input name="name" required; }
                    button { "Open" }
                }
            }
        }
    }
}

fn row(desk: &Desk, pool: &PoolOverview, small: Option<Markup>) -> Markup {
    let minute = pool.minute;
    html! {
        tr {
            th scope="row" { (parts::pool(&desk.links, &pool.name)) }
            (parts::cell("Health", &parts::health(pool.health)))
            (parts::cell("Running", &gauge(pool)))
            (parts::figure("Due", &text::count(pool.backlog)))
            (parts::figure("Lag", &lag(pool)))
            (parts::figure("Scheduled", &text::count(pool.scheduled)))
            (parts::figure("Per minute", &text::number(minute.succeeded + minute.failed)))
            td.trend data-label="Last hour" { (small.unwrap_or_default()) }
            (parts::figure("Failing", &text::percent(pool.hour.failure_rate())))
            @if !desk.site.read_only {
                td.actions { (steering(desk, pool)) }
            }
        }
    }
}

/// How much of the limit is in use.
pub(super) fn gauge(pool: &PoolOverview) -> Markup {
    let (running, limit) = (pool.running.items, u64::from(pool.max_parallelism));
    html! {
        span.gauge {
            meter min="0" max=(limit.max(1)) value=(running.min(limit)) aria-hidden="true" {}
            span { (text::count(pool.running)) " / " (text::number(limit)) }
        }
    }
}

/// How long the oldest due item has been due.
pub(super) fn lag(pool: &PoolOverview) -> String {
    if pool.backlog.is_zero() {
        "–".into()
    } else {
        text::duration(Duration::from_millis(pool.lag_ms))
    }
}
