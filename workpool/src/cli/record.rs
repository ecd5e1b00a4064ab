//! `audit`.

use workpool::inspect::Inspector;

use crate::exit::{End, Failed};
use crate::output::{Out, clean, line, table};

pub(crate) async fn audit(inspector: &Inspector, limit: u32, out: &Out) -> Result<End, Failed> {
    out.answer(&inspector.audit(limit).await?, |acts| {
        if acts.is_empty() {
            return "nothing was done in the last 30 days".into();
        }
        let mut rows = table(&["AT", "WHO", "DID", "TO", "OUTCOME"]);
        for act in acts {
            rows.add_row([
                act.at.to_string(),
                clean(&act.who),
                clean(&act.action),
                line(&act.target, 80),
                line(&act.outcome, 60),
            ]);
        }
        rows.to_string()
    })?;
    Ok(End::Done)
}
