//! `show` and `why`.

use std::fmt::Write;

use uuid::Uuid;
use workpool::inspect::{Inspector, Time, WorkDetail};

use crate::exit::{End, Failed, say};
use crate::output::{Out, clean, facts, indented, millis, time};

pub(crate) async fn show(inspector: &Inspector, id: Uuid, out: &Out) -> Result<End, Failed> {
    let Some(detail) = inspector.show(id).await? else { return Ok(unknown(id)) };
    out.answer(&detail, shown)?;
    Ok(End::Done)
}

pub(crate) async fn why(inspector: &Inspector, id: Uuid, out: &Out) -> Result<End, Failed> {
    let Some(why) = inspector.why(id).await? else { return Ok(unknown(id)) };
    out.answer(&why, |why| clean(&why.to_string()))?;
    Ok(End::Done)
}

pub(crate) fn unknown(id: Uuid) -> End {
    let what = format!("work {id} is not known: never enqueued, rolled back, or forgotten");
    say("error", anstyle::AnsiColor::Red, &what);
    End::NotFound
}

fn shown(detail: &WorkDetail) -> String {
    let row = &detail.row;
    let at = |at: Option<Time>| at.map(|at| at.to_string());
    let process = detail.host.as_deref().zip(detail.pid);
    let callback = detail.callback.as_ref().map(|callback| {
        let state = callback.state.map(|state| format!(", {state}")).unwrap_or_default();
        let failure = callback.failure.as_ref();
        let why = failure.map(|failure| format!(": {failure}")).unwrap_or_default();
        clean(&format!("{}{state}{why}", callback.name))
    });
    let said = [
        ("id", Some(row.id.to_string())),
        ("state", Some(row.state.to_string())),
        ("pool", Some(clean(&row.pool))),
        ("function", Some(format!("{} ({})", clean(&row.function), row.kind.as_str()))),
        ("name", row.name.as_deref().map(clean)),
        ("enqueued", at(Some(row.enqueued_at))),
        ("due", at(row.run_at)),
        ("started", at(row.started_at)),
        ("ended", at(row.finished_at)),
        ("forgotten", at(detail.expires_at)),
        ("runs on", process.map(|(host, pid)| format!("{}, process {pid}", clean(host)))),
        ("canceled", row.cancel_requested.then(|| "it has been asked to stop".into())),
        ("attempts", Some(attempts(detail))),
        ("callback", callback),
        ("context", detail.callback.as_ref().and_then(|c| c.context.as_deref()).map(clean)),
        ("retry of", detail.retry_of.map(|id| id.to_string())),
        ("retried as", row.retried_as.map(|id| id.to_string())),
        ("arguments", contents(detail, detail.args.as_deref())),
        ("result", detail.result.as_deref().map(|json| clean(&indented(json)))),
    ];
    let said = said.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let mut text = facts(said);
    for failure in &detail.failures {
        let kind = failure.kind();
        let message = clean(failure.message());
        let at = failure.at().map(|at| format!(" at {}", Time::from(at))).unwrap_or_default();
        let took = failure.took().map(|took| format!(" after {}", time(took))).unwrap_or_default();
        let number = failure.attempt();
        let _ = write!(text, "\n\nattempt {number} failed{at}{took} ({kind}): {message}");
        for source in failure.sources() {
            let _ = write!(text, "\n  caused by: {}", clean(source));
        }
    }
    text
}

fn attempts(detail: &WorkDetail) -> String {
    let made = detail.row.attempts;
    let Some(most) = detail.max_attempts else { return made.to_string() };
    let first = detail.initial_backoff_ms.map(millis).unwrap_or_default();
    format!("{made} of {most}, backoff from {first}")
}

/// Arguments indented, as far as they may be seen.
fn contents(detail: &WorkDetail, json: Option<&str>) -> Option<String> {
    if detail.hidden {
        return Some("(this user may not read them)".into());
    }
    json.map(|json| clean(&indented(json)))
}
