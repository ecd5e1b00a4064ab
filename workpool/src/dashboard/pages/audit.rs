//! Who did what.

use maud::{Markup, html};
use serde::Deserialize;
use uuid::Uuid;

use crate::dashboard::page::{Page, View};
use crate::dashboard::refusal::Answer;
use crate::dashboard::shell::Tab;
use crate::dashboard::site::Desk;
use crate::dashboard::{parts, text};
use crate::inspect::AuditRow;

/// The latest actions.
#[derive(Debug, Clone, Deserialize)]
pub(in crate::dashboard) struct Audit {}

const ROWS: u32 = 200;

impl View for Audit {
    async fn page(&self, desk: &Desk) -> Answer<Page> {
        let records = desk.inspector().audit(ROWS).await?;
        let content = html! {
            h1 { "Audit" }
            section id="records" {
                @if records.is_empty() { p.muted { "Nobody has steered anything lately." } }
                @else { (table(desk, &records)) }
            }
        };
        Ok(Page { title: "Audit".into(), tab: Some(Tab::Audit), content })
    }
}

fn table(desk: &Desk, records: &[AuditRow]) -> Markup {
    html! {
        table.fold {
            thead { tr {
                th scope="col" { "When" }
                th scope="col" { "Who" }
                th scope="col" { "What" }
                th scope="col" { "To what" }
                th scope="col" { "Outcome" }
            } }
            tbody { @for record in records { tr {
                th scope="row" { (parts::exactly(record.at)) }
                (parts::cell("Who", &html! { bdi { (record.who) } }))
                (parts::cell("What", &html! { bdi { (record.action) } }))
                (parts::cell("To what", &target(desk, &record.target)))
                (parts::cell("Outcome", &html! { bdi { (text::cut(&record.outcome, 400)) } }))
            } } }
        }
    }
}

/// A work item by its id, else a pool or a filter, in the words of whoever recorded it.
fn target(desk: &Desk, target: &str) -> Markup {
    html! {
        @match target.parse::<Uuid>() {
            Ok(id) => a.id href=(desk.links.item(id)) { (id) },
            Err(_) => bdi.target { (text::cut(target, 400)) },
        }
    }
}
