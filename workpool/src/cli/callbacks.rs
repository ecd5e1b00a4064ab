//! `callbacks`.

use serde_json::json;
use workpool::inspect::{CallbackState, Inspector};

use crate::args::Callbacks;
use crate::exit::{End, Failed};
use crate::output::{Out, clean, line, table};
use crate::pools::number;
use crate::work::followed;

pub(crate) async fn run(inspector: &Inspector, what: Callbacks, out: &Out) -> Result<End, Failed> {
    match what {
        Callbacks::List { state, after, limit } => {
            let page = inspector.callbacks(state, after.as_ref(), limit).await?;
            out.answer(&page, |page| {
                let columns = ["WORK", "STATE", "POOL", "CALLBACK", "OUTCOME", "ATTEMPTS", "ERROR"];
                let mut rows = table(&columns);
                for row in &page.rows {
                    rows.add_row([
                        row.work_id.to_string().into(),
                        row.state.to_string().into(),
                        clean(&row.pool).into(),
                        clean(&row.callback).into(),
                        row.outcome.to_string().into(),
                        number(row.attempts),
                        row.failure
                            .as_ref()
                            .map(|f| line(f.message(), 60))
                            .unwrap_or_default()
                            .into(),
                    ]);
                }
                followed(rows.to_string(), page)
            })?;
            Ok(End::Done)
        }
        Callbacks::Replay { ids, all } => {
            let replayed = if all {
                replay_all(inspector).await?
            } else {
                inspector.replay_callbacks(&ids).await?
            };
            out.answer(&json!({ "replayed": replayed }), |_| format!("{replayed} are due again"))?;
            Ok(if replayed == 0 { End::NothingToDo } else { End::Done })
        }
    }
}

/// Those that are parked when it is asked for: what is parked once more meanwhile comes later.
async fn replay_all(inspector: &Inspector) -> Result<u64, Failed> {
    let (mut replayed, mut after) = (0, None);
    loop {
        let parked = Some(CallbackState::Parked);
        let page = inspector.callbacks(parked, after.as_ref(), 1000).await?;
        let ids: Vec<_> = page.rows.iter().map(|row| row.work_id).collect();
        replayed += inspector.replay_callbacks(&ids).await?;
        after = page.next;
        if after.is_none() || ids.is_empty() {
            return Ok(replayed);
        }
    }
}
