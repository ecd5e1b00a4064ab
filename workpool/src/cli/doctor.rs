//! `doctor`.

use std::fmt::Write;

use workpool::inspect::{Inspector, Severity};

use crate::exit::{End, Failed};
use crate::output::{Out, clean, severity, table};

pub(crate) async fn doctor(inspector: &Inspector, out: &Out) -> Result<End, Failed> {
    let findings = inspector.doctor().await?;
    out.answer(&findings, |findings| {
        let mut rows = table(&["", "CHECK", "FOUND"]);
        for finding in findings {
            let mut found = clean(&finding.what);
            if !finding.next.is_empty() {
                let _ = write!(found, "\n→ {}", clean(&finding.next));
            }
            rows.add_row([severity(finding.severity), finding.check.into(), found.into()]);
        }
        rows.to_string()
    })?;
    let worst = findings.iter().map(|finding| finding.severity).max();
    Ok(if worst >= Some(Severity::Problem) { End::Problem } else { End::Done })
}
