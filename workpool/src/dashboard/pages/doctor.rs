//! What is wrong with the database or the workers, and what to do next.

use std::time::Duration;

use maud::{Markup, html};
use serde::Deserialize;

use crate::dashboard::page::{Page, View};
use crate::dashboard::parts;
use crate::dashboard::refusal::Answer;
use crate::dashboard::shell::Tab;
use crate::dashboard::site::Desk;
use crate::inspect::Finding;

/// All checks.
#[derive(Debug, Clone, Deserialize)]
pub(in crate::dashboard) struct Doctor {}

impl View for Doctor {
    async fn page(&self, desk: &Desk) -> Answer<Page> {
        let findings = desk.inspector().doctor().await?;
        let content = html! {
            h1 { "Doctor" }
            section id="findings" { (table(&findings)) }
        };
        Ok(Page { title: "Doctor".into(), tab: Some(Tab::Doctor), content })
    }

    /// What it looks at changes slowly.
    fn gap(&self) -> Duration {
        Duration::from_secs(10)
    }
}

fn table(findings: &[Finding]) -> Markup {
    html! {
        table.fold {
            thead { tr {
                th scope="col" { "Check" }
                th scope="col" { "Finding" }
                th scope="col" { "What was found" }
                th scope="col" { "What to do" }
            } }
            tbody { @for finding in findings { (row(finding)) } }
        }
    }
}

fn row(finding: &Finding) -> Markup {
    let (tone, word) = (parts::tone_of_severity(finding.severity), finding.severity.as_str());
    html! {
        tr {
            th scope="row" { (finding.check) }
            (parts::cell("Finding", &parts::badge(tone, word)))
            (parts::cell("What was found", &html! { bdi { (finding.what) } }))
            (parts::cell("What to do", &html! { bdi { (finding.next) } }))
        }
    }
}
