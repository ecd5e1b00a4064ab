//! Who is there to do the work.

use std::time::Duration;

use maud::{Markup, html};
use serde::Deserialize;

use crate::dashboard::page::{Page, View};
use crate::dashboard::refusal::Answer;
use crate::dashboard::shell::Tab;
use crate::dashboard::site::Desk;
use crate::dashboard::{parts, text};
use crate::inspect::{WorkerPool, WorkerRow};

/// All workers.
#[derive(Debug, Clone, Deserialize)]
pub(in crate::dashboard) struct Workers {}

/// Workers that are shown; beyond that their number says more.
const ROWS: usize = 200;

impl View for Workers {
    async fn page(&self, desk: &Desk) -> Answer<Page> {
        let workers = desk.inspector().workers().await?;
        let content = html! {
            h1 { "Workers" }
            section id="workers" {
                @if workers.is_empty() {
                    p.muted { "No worker has registered: nothing runs." }
                } @else {
                    (table(desk, &workers))
                    @if workers.len() > ROWS { p.muted { "and " (workers.len() - ROWS) " more" } }
                }
            }
        };
        Ok(Page { title: "Workers".into(), tab: Some(Tab::Workers), content })
    }
}

fn table(desk: &Desk, workers: &[WorkerRow]) -> Markup {
    html! {
        table.fold {
            thead { tr {
                th scope="col" { "Worker" }
                th scope="col" { "State" }
                th scope="col" { "Lease" }
                th scope="col" { "Since" }
                th scope="col" { "Version" }
                th scope="col" { "Pools: running of slots" }
                th scope="col" { "Functions" }
            } }
            tbody { @for worker in workers.iter().take(ROWS) { (row(desk, worker)) } }
        }
    }
}

fn row(desk: &Desk, worker: &WorkerRow) -> Markup {
    html! {
        tr id=(format!("row-{}", worker.id)) {
            th scope="row" {
                bdi { (worker.host) } ", process " (worker.pid)
                div.id { (worker.id) }
            }
            (parts::cell("State", &state(worker)))
            (parts::cell("Lease", &html! { (lease(worker.lease_left_ms)) }))
            (parts::cell("Since", &parts::exactly(worker.started_at)))
            (parts::cell("Version", &html! { bdi { (worker.version) } }))
            (parts::cell("Pools", &pools(desk, &worker.pools)))
            (parts::cell("Functions", &functions(worker)))
        }
    }
}

fn state(worker: &WorkerRow) -> Markup {
    if worker.alive { parts::badge("good", "alive") } else { parts::badge("bad", "dead") }
}

/// How much is left of it.
fn lease(left_ms: i64) -> String {
    // Whole seconds, or the page would be another one at each look.
    let length = text::duration(Duration::from_secs(left_ms.unsigned_abs() / 1000));
    if left_ms < 0 { format!("ran out {length} ago") } else { format!("{length} left") }
}

/// What it has of each pool.
fn pools(desk: &Desk, pools: &[WorkerPool]) -> Markup {
    html! {
        ul.plain {
            @for pool in pools.iter().take(10) {
                li {
                    (parts::pool(&desk.links, &pool.pool)) " " (pool.running) " of " (pool.granted)
                    @if pool.frozen { " " (parts::badge("warn", "frozen")) }
                }
            }
            @if pools.len() > 10 { li.muted { "and " (pools.len() - 10) " more" } }
        }
    }
}

fn functions(worker: &WorkerRow) -> Markup {
    html! {
        details id=(format!("functions-{}", worker.id)) {
            summary { (worker.functions.len()) }
            ul.plain { @for function in &worker.functions { li { (parts::function(function)) } } }
        }
    }
}
