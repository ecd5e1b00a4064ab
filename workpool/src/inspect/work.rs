//! Work items: lists, one in full, why one does not run, failures that look alike.

use std::collections::HashMap;
use std::time::Duration;

use uuid::Uuid;

use super::page::{self, BUDGET};
use super::{BOUND, Inspector};
use crate::error::Result;
use crate::failure::Failure;
use crate::store::WhyRow;
use crate::view::{
    Count, Cursor, FailureGroup, Holder, Page, Why, WorkDetail, WorkFilter, WorkRow, WorkState,
};
use crate::work::OutcomeKind;

impl Inspector {
    /// A page of work items. What waits comes oldest due time first; what failed or was canceled,
    /// latest first; what succeeded, latest made first.
    ///
    /// A page looks at some 20,000 rows at most. With a filter that few rows pass, it may end early,
    /// with fewer rows than `limit` or none, and a cursor to go on.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`](crate::Error::InvalidConfig) for a cursor of another list.
    pub async fn work(
        &self,
        filter: &WorkFilter,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Page<WorkRow>> {
        let list = filter.state.map_or("unended", WorkState::as_str);
        let part = page::part(list, after, limit)?;
        let store = self.workpool.store();
        let listed = async |conn: &mut _| Ok(store.list_work(conn, filter, part).await?);
        Ok(page::page(list, self.read(listed).await?, part.rows))
    }

    /// Everything that is known of one item; none: no such work, or it has been pruned.
    pub async fn show(&self, id: Uuid) -> Result<Option<WorkDetail>> {
        let store = self.workpool.store();
        self.read(async |conn| Ok(store.show(conn, id).await?)).await
    }

    /// Why an item is not running; none: no such work, or it has been pruned.
    pub async fn why(&self, id: Uuid) -> Result<Option<Why>> {
        let store = self.workpool.store();
        self.read(async |conn| {
            if let Some(row) = store.why(conn, id, BOUND).await? {
                let holders = store.holders(conn, Some(&row.pool)).await?;
                return Ok(Some(why(row, holders.into_iter().map(Holder::from).collect())));
            }
            Ok(store.ended(conn, id).await?.map(|row| Why::Ended {
                outcome: OutcomeKind::from_code(row.outcome),
                at: row.finished_at.into(),
                retried_as: row.retried_as,
            }))
        })
        .await
    }

    /// Work that failed in the last `window`, grouped by function and error, the largest group
    /// first. Looks at the latest 20,000 failures at most.
    pub async fn failures(
        &self,
        pool: Option<&str>,
        window: Duration,
        limit: u32,
    ) -> Result<Vec<FailureGroup>> {
        let store = self.workpool.store();
        let rows = async |conn: &mut _| Ok(store.failures(conn, pool, window, BUDGET).await?);
        let mut groups: HashMap<(String, String, String), FailureGroup> = HashMap::new();
        for row in self.read(rows).await? {
            let error = alike(&row.line);
            let (items, retried) = (row.items.unsigned_abs(), row.retried.unsigned_abs());
            let (latest, latest_at) = (row.latest, row.latest_at.into());
            let (pool, function) = (row.pool, row.function);
            groups
                .entry((pool.clone(), function.clone(), error.clone()))
                .and_modify(|group| {
                    group.items += items;
                    group.retried += retried;
                    if group.latest_at < latest_at {
                        (group.latest, group.latest_at) = (latest, latest_at);
                    }
                })
                .or_insert(FailureGroup {
                    pool,
                    function,
                    error,
                    items,
                    retried,
                    latest,
                    latest_at,
                });
        }
        let mut groups: Vec<_> = groups.into_values().collect();
        groups.sort_by(|a, b| {
            (b.items, b.latest_at, &a.error).cmp(&(a.items, a.latest_at, &b.error))
        });
        groups.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(groups)
    }
}

/// The first thing that keeps an item from running.
fn why(row: WhyRow, holders: Vec<Holder>) -> Why {
    let before = Count::bounded(row.before, BOUND);
    let in_ms = row.in_ms.max(0).unsigned_abs();
    if let Some(worker) = row.worker {
        let since = row.started_at.map(crate::view::Time::from);
        let elapsed = since.map_or(Duration::ZERO, |since| row.now().since(since));
        return Why::Running {
            worker,
            host: row.host,
            pid: row.pid,
            since,
            for_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
            cancel_requested: row.cancel_requested,
            abandoned: row.abandoned,
        };
    }
    if row.in_ms > 0 && row.attempt > 0 {
        let failure = row.error.as_deref().map(Failure::from_json);
        let attempts = row.attempt.unsigned_abs();
        return Why::Backoff { until: row.run_at.into(), in_ms, attempts, failure };
    }
    if row.in_ms > 0 {
        return Why::Scheduled { until: row.run_at.into(), in_ms };
    }
    let (Some(limit), Some(paused)) = (row.max_parallelism, row.paused) else {
        return Why::UnknownPool { pool: row.pool };
    };
    if paused || limit == 0 {
        return Why::Paused { pool: row.pool, limit_zero: !paused };
    }
    if row.workers == 0 {
        return Why::NoWorker;
    }
    if row.knowing == 0 {
        return Why::UnknownFunction {
            function: row.function,
            workers: row.workers.unsigned_abs(),
        };
    }
    if row.serving == 0 {
        return Why::PoolNotServed { pool: row.pool };
    }
    // Slots that are held and not used are about to be.
    let long_due = row.in_ms < -5000;
    if row.running >= limit || (long_due && row.granted >= limit) {
        let max_parallelism = u32::try_from(limit).unwrap_or(u32::MAX);
        return Why::Saturated { pool: row.pool, max_parallelism, holders, before };
    }
    Why::Due { before }
}

/// Words that have a digit in them differ from failure to failure: ids, numbers, addresses. Several
/// in a row, as in an address, are one.
fn alike(line: &str) -> String {
    let mut shown = String::with_capacity(line.len());
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|c| is_word(c) != is_word(first)).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        let varies = is_word(first) && run.contains(|c: char| c.is_ascii_digit());
        if varies {
            let before = shown.trim_end_matches(['.', ':', ',', '/']).len();
            if shown[..before].ends_with('…') {
                shown.truncate(before);
            } else {
                shown.push('…');
            }
        } else {
            shown.push_str(run);
        }
        rest = after;
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::alike;

    #[test]
    fn errors_that_differ_in_ids_and_numbers_are_alike() {
        let one = "user 17 (0192f3-ab): connection to 10.0.0.3:5432 timed out after 30s";
        assert_eq!(alike(one), "user … (…): connection to … timed out after …");
        assert_eq!(alike(one), alike(&one.replace("17", "4").replace("0192f3", "77")));
        assert_eq!(alike("no such table `users`"), "no such table `users`");
        assert_eq!(alike(""), "");
    }
}
