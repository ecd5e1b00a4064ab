//! Who did what.

use maud::{Markup, html};
use serde::Deserialize;

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
                @else { (table(&records)) }
            }
        };
        Ok(Page { title: "Audit".into(), tab: Some(Tab::Audit), content })
    }
}

fn table(records: &[AuditRow]) -> Markup {
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
                (parts::cell("To what", &html! { bdi.target { (text::cut(&record.target, 400)) } }))
                (parts::cell("Outcome", &html! { bdi { (text::cut(&record.outcome, 400)) } }))
            } } }
        }
    }
}
