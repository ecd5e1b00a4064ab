//! What changes something: `pause`, `resume`, `scale`, `cancel`, `retry`, `run-now`, `prune`.

use serde_json::json;
use uuid::Uuid;
use workpool::Cancel;
use workpool::inspect::{Inspector, Retried, RunNow, WorkFilter};

use crate::args::{Choice, Prune};
use crate::confirm::confirmed;
use crate::exit::{End, Failed};
use crate::output::{Out, time};
use crate::show::unknown;

pub(crate) async fn pause(inspector: &Inspector, pool: &str, out: &Out) -> Result<End, Failed> {
    inspector.pause(pool).await?;
    out.answer(&json!({ "pool": pool, "paused": true }), |_| {
        format!("pool `{pool}` is paused: nothing starts, what runs goes on")
    })?;
    Ok(End::Done)
}

pub(crate) async fn resume(inspector: &Inspector, pool: &str, out: &Out) -> Result<End, Failed> {
    inspector.resume(pool).await?;
    let answer = json!({ "pool": pool, "paused": false });
    out.answer(&answer, |_| format!("pool `{pool}` goes on"))?;
    Ok(End::Done)
}

pub(crate) async fn scale(
    inspector: &Inspector,
    pool: &str,
    limit: u32,
    out: &Out,
) -> Result<End, Failed> {
    inspector.set_max_parallelism(pool, limit).await?;
    let answer = json!({ "pool": pool, "max_parallelism": limit });
    out.answer(&answer, |_| format!("pool `{pool}` runs at most {limit} at once"))?;
    Ok(End::Done)
}

pub(crate) async fn cancel(
    inspector: &Inspector,
    choice: &Choice,
    yes: bool,
    out: &Out,
) -> Result<End, Failed> {
    let Some(id) = choice.id else { return cancel_matching(inspector, choice, yes, out).await };
    if !confirmed(&format!("cancel {id}"), yes)? {
        return Ok(End::NotConfirmed);
    }
    let answer = inspector.cancel(id).await?;
    let (what, end) = match answer {
        Cancel::Canceled => ("canceled: it never runs", End::Done),
        Cancel::Requested => ("it runs, and has been asked to stop", End::Done),
        Cancel::AlreadyFinished => ("it had ended before", End::NothingToDo),
        Cancel::Unknown => return Ok(unknown(id)),
    };
    out.answer(&json!({ "id": id, "cancel": answer }), |_| what.into())?;
    Ok(end)
}

async fn cancel_matching(
    inspector: &Inspector,
    choice: &Choice,
    yes: bool,
    out: &Out,
) -> Result<End, Failed> {
    let filter = filter(choice)?;
    let question = format!("cancel up to {} work items that match", choice.limit);
    if !confirmed(&question, yes)? {
        return Ok(End::NotConfirmed);
    }
    let sum = inspector.cancel_matching(&filter, choice.limit).await?;
    out.answer(&sum, |sum| {
        let more = more(sum.more);
        format!("canceled {}, asked {} running ones to stop{more}", sum.canceled, sum.requested)
    })?;
    Ok(if sum.canceled + sum.requested == 0 { End::NothingToDo } else { End::Done })
}

pub(crate) async fn retry(
    inspector: &Inspector,
    choice: &Choice,
    yes: bool,
    out: &Out,
) -> Result<End, Failed> {
    let Some(id) = choice.id else { return retry_matching(inspector, choice, yes, out).await };
    let answer = inspector.retry(id).await?;
    let (what, end) = match answer {
        Retried::As(new) => (format!("tried again as {new}"), End::Done),
        Retried::Already(new) => (format!("it was tried again before, as {new}"), End::NothingToDo),
        Retried::NotEnded => ("it has not ended".into(), End::NothingToDo),
        Retried::Succeeded => ("it succeeded".into(), End::NothingToDo),
        Retried::NotKept => ("its arguments were not kept".into(), End::NothingToDo),
        Retried::NoPool => ("its pool is not in the database".into(), End::NothingToDo),
        _ => return Ok(unknown(id)),
    };
    out.answer(&answer, |_| what)?;
    Ok(end)
}

async fn retry_matching(
    inspector: &Inspector,
    choice: &Choice,
    yes: bool,
    out: &Out,
) -> Result<End, Failed> {
    let filter = filter(choice)?;
    let question = format!("try up to {} work items again that match", choice.limit);
    if !confirmed(&question, yes)? {
        return Ok(End::NotConfirmed);
    }
    let sum = inspector.retry_matching(&filter, choice.limit).await?;
    out.answer(&sum, |sum| {
        let more = more(sum.more);
        format!("tried {} again, {} were so before{more}", sum.retried, sum.already)
    })?;
    Ok(if sum.retried == 0 { End::NothingToDo } else { End::Done })
}

pub(crate) async fn run_now(inspector: &Inspector, id: Uuid, out: &Out) -> Result<End, Failed> {
    let answer = inspector.run_now(id).await?;
    let (what, end) = match answer {
        RunNow::Due => ("due now", End::Done),
        RunNow::AlreadyDue => ("it was due already", End::NothingToDo),
        RunNow::Running => ("it runs", End::NothingToDo),
        RunNow::Ended => ("it has ended", End::NothingToDo),
        _ => return Ok(unknown(id)),
    };
    out.answer(&json!({ "id": id, "run_now": answer }), |_| what.into())?;
    Ok(end)
}

pub(crate) async fn prune(
    inspector: &Inspector,
    prune: &Prune,
    yes: bool,
    out: &Out,
) -> Result<End, Failed> {
    let Prune { pool, older_than, limit } = prune;
    let age = time(*older_than);
    if inspector.pool(pool).await?.is_none() {
        return Err(workpool::Error::UnknownPool(pool.clone()).into());
    }
    if !confirmed(&format!("forget work of pool `{pool}` that ended {age} ago or earlier"), yes)? {
        return Ok(End::NotConfirmed);
    }
    let gone = inspector.prune(pool, *older_than, *limit).await?;
    out.answer(&json!({ "pool": pool, "pruned": gone }), |_| format!("forgot {gone} work items"))?;
    Ok(if gone == 0 { End::NothingToDo } else { End::Done })
}

/// Everything is never meant by accident.
fn filter(choice: &Choice) -> Result<WorkFilter, Failed> {
    if choice.filter.is_empty() {
        let what = "say an id, or a filter such as --pool";
        return Err(Failed::Usage(what.into()));
    }
    Ok(WorkFilter::from(&choice.filter))
}

const fn more(more: bool) -> &'static str {
    if more { "; there may be more" } else { "" }
}
