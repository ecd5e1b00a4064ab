//! What is wrong with the database or the workers, and what to do.

mod server;
mod tables;
mod work;
mod workers;

use std::time::SystemTime;

use super::Inspector;
use crate::error::Result;
use crate::view::{Finding, Severity, Time};

impl Inspector {
    /// Looks at settings of the server, the state of the tables, old snapshots, versions, workers,
    /// who listens, and privileges. The worst finding comes first; what is well is said too.
    pub async fn doctor(&self) -> Result<Vec<Finding>> {
        let store = self.workpool.store();
        let (mut findings, listeners) = self
            .read(async |conn| {
                let mut all = Vec::new();
                let asked = SystemTime::now();
                let row = store.doctor_server(conn).await?;
                all.extend(server::settings(&row));
                all.push(server::clock(row.clock.into(), asked, SystemTime::now()));
                all.push(server::schema(store.schema(), store.version(conn).await?));
                all.extend(server::role(&store.doctor_role(conn).await?));
                all.extend(tables::holds(&store.doctor_holds(conn).await?));
                all.extend(tables::tables(&store.doctor_tables(conn).await?));
                all.extend(work::lost_pools(store.lost_pools(conn).await?));
                all.extend(work::unknown_functions(store.unknown_functions(conn).await?));
                Ok((all, row.listeners))
            })
            .await?;
        let pools = self.pools().await?;
        findings.extend(work::pools(&pools));
        let workers = self.workers().await?;
        findings.extend(workers::listener(listeners, &workers));
        findings.extend(workers::workers(&workers, &pools));
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        Ok(findings)
    }
}

/// Something that is as it should be.
fn ok(check: &'static str, what: impl Into<String>) -> Finding {
    Finding { severity: Severity::Ok, check, what: what.into(), next: String::new() }
}

fn note(check: &'static str, what: impl Into<String>, next: impl Into<String>) -> Finding {
    Finding { severity: Severity::Note, check, what: what.into(), next: next.into() }
}

fn warning(check: &'static str, what: impl Into<String>, next: impl Into<String>) -> Finding {
    Finding { severity: Severity::Warning, check, what: what.into(), next: next.into() }
}

fn problem(check: &'static str, what: impl Into<String>, next: impl Into<String>) -> Finding {
    Finding { severity: Severity::Problem, check, what: what.into(), next: next.into() }
}

/// The findings, or, when there are none, that all is well.
fn or_ok(findings: Vec<Finding>, check: &'static str, well: &str) -> Vec<Finding> {
    if findings.is_empty() { vec![ok(check, well)] } else { findings }
}
