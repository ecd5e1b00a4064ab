//! What is wrong, in words, with what would mend it.

use maud::{Markup, html};

use crate::dashboard::parts;
use crate::dashboard::site::Desk;
use crate::inspect::{AuditRow, Health, PoolOverview};

/// Pools that are named; beyond that the table goes on.
const NAMED: usize = 12;

/// All pools that need a look, the worst first. `audit` are the latest actions.
pub(super) fn verdict(desk: &Desk, pools: &[PoolOverview], audit: &[AuditRow]) -> Markup {
    let troubled: Vec<_> = pools.iter().filter(|pool| pool.health != Health::Ok).collect();
    html! {
        section.verdict id="verdict" aria-labelledby="verdict-title" {
            @if pools.is_empty() {
                h2 id="verdict-title" { "There are no pools yet." }
                p.muted { "A program that declares some and connects makes them appear here." }
            } @else if troubled.is_empty() {
                h2.well id="verdict-title" aria-live="polite" { (all_well(pools.len())) }
            } @else {
                h2 id="verdict-title" aria-live="polite" {
                    (troubled.len()) " of " (pools.len())
                    @if troubled.len() == 1 { " pools needs a look" } @else { " pools need a look" }
                }
                ul { @for pool in troubled.iter().take(NAMED) { (line(desk, pool, audit)) } }
                @if troubled.len() > NAMED { p.muted { "and " (troubled.len() - NAMED) " more" } }
            }
        }
    }
}

fn all_well(pools: usize) -> String {
    match pools {
        1 => "The only pool does what it should.".into(),
        pools => format!("All {pools} pools do what they should."),
    }
}

fn line(desk: &Desk, pool: &PoolOverview, audit: &[AuditRow]) -> Markup {
    let paused = pool.paused.then(|| latest_pause(&pool.name, audit)).flatten();
    html! {
        li {
            (parts::health(pool.health))
            (parts::pool(&desk.links, &pool.name))
            span.reason { bdi { (pool.reason) } }
            @if let Some(pause) = paused {
                span.muted { "by " bdi { (pause.who) } ", " (parts::exactly(pause.at)) }
            }
            span.remedy { (remedy(desk, pool)) }
        }
    }
}

/// Who paused it last, if that was done where it is recorded.
fn latest_pause<'a>(pool: &str, audit: &'a [AuditRow]) -> Option<&'a AuditRow> {
    audit.iter().find(|row| row.action == "pause" && row.target == pool)
}

/// Where to look, or what to do.
fn remedy(desk: &Desk, pool: &PoolOverview) -> Markup {
    let (links, name) = (&desk.links, &*pool.name);
    let act = |verb: &str, word: &str| {
        let address = links.with(&format!("/act/{verb}"), &[("pool", name)]);
        html! { @if !desk.site.read_only { a href=(address) data-confirm { (word) } } }
    };
    let look = |address: String, word: &str| html! { a href=(address) { (word) } };
    match pool.health {
        Health::Ok => html! {},
        Health::Paused if pool.paused => act("resume", "Resume"),
        Health::Paused => act("scale", "Scale"),
        Health::NoWorker | Health::UnknownFunction => look(links.to("/workers"), "Workers"),
        Health::Failing => look(links.with("/failures", &[("pool", name)]), "Failures"),
        Health::Saturated => html! {
            (look(links.with("/work", &[("pool", name), ("state", "running")]), "What runs"))
            (act("scale", "Scale"))
        },
        Health::Behind => look(links.to("/doctor"), "Doctor"),
    }
}
