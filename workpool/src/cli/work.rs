//! `work` and `failures`.

use std::fmt::Write;
use std::time::Instant;

use workpool::inspect::{Inspector, Page, Time, WorkFilter, WorkRow};

use crate::args::{Failures, List};
use crate::exit::{End, Failed};
use crate::output::{Out, clean, line, state, table, time};
use crate::pools::number;

pub(crate) async fn list(inspector: &Inspector, list: &List, out: &Out) -> Result<End, Failed> {
    let filter = WorkFilter::from(&list.filter);
    let mut page = inspector.work(&filter, list.after.as_ref(), list.limit).await?;
    // With a filter that few rows pass, a page may end before it is full.
    let begun = Instant::now();
    while begun.elapsed() < list.look {
        let limit = usize::try_from(list.limit).unwrap_or(usize::MAX).min(1000);
        let left = u32::try_from(limit.saturating_sub(page.rows.len())).unwrap_or(u32::MAX);
        if left == 0 || page.next.is_none() {
            break;
        }
        let more = inspector.work(&filter, page.next.as_ref(), left).await?;
        page.rows.extend(more.rows);
        page.next = more.next;
    }
    out.answer(&page, |page| {
        let columns = ["ID", "STATE", "POOL", "FUNCTION", "NAME", "ATTEMPTS", "WHEN", "ERROR"];
        let mut rows = table(&columns);
        for row in &page.rows {
            rows.add_row([
                row.id.to_string().into(),
                state(row.state),
                clean(&row.pool).into(),
                clean(&row.function).into(),
                row.name.as_deref().map(clean).unwrap_or_default().into(),
                number(row.attempts),
                when(row, page.now).into(),
                row.failure.as_ref().map(|f| line(f.message(), 60)).unwrap_or_default().into(),
            ]);
        }
        followed(rows.to_string(), page)
    })?;
    Ok(End::Done)
}

/// The text, and how to go on.
pub(crate) fn followed<T>(mut text: String, page: &Page<T>) -> String {
    if let Some(next) = &page.next {
        if page.rows.is_empty() {
            text = "none so far".into();
        }
        let _ = write!(text, "\nmore: --after {next}");
    } else if page.rows.is_empty() {
        return "none".into();
    }
    text
}

/// How long it has been as it is, or how long it will be.
fn when(row: &WorkRow, now: Time) -> String {
    match (row.finished_at, row.worker, row.run_at) {
        (Some(at), ..) => format!("{} ago", time(now.since(at))),
        (None, Some(_), _) => {
            let since = row.started_at.map(|at| time(now.since(at))).unwrap_or_default();
            format!("for {since}")
        }
        (None, None, Some(at)) if at > now => format!("in {}", time(at.since(now))),
        (None, None, Some(at)) => format!("due for {}", time(now.since(at))),
        (None, None, None) => String::new(),
    }
}

pub(crate) async fn failures(
    inspector: &Inspector,
    list: &Failures,
    out: &Out,
) -> Result<End, Failed> {
    let groups = inspector.failures(list.pool.as_deref(), list.since, list.limit).await?;
    out.answer(&groups, |groups| {
        if groups.is_empty() {
            return "none".into();
        }
        let columns = ["FAILED", "RETRIED", "POOL", "FUNCTION", "ERROR", "LATEST", "AT"];
        let mut rows = table(&columns);
        for group in groups {
            rows.add_row([
                number(group.items),
                number(group.retried),
                clean(&group.pool).into(),
                clean(&group.function).into(),
                line(&group.error, 80).into(),
                group.latest.to_string().into(),
                group.latest_at.to_string().into(),
            ]);
        }
        rows.to_string()
    })?;
    Ok(End::Done)
}
