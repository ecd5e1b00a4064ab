//! Steering many at once, by a filter: a page at a time, each with its record in a transaction.

use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::page::BUDGET;
use super::steer::Acted;
use super::{Inspector, described};
use crate::error::{Error, Result};
use crate::hub::Hint;
use crate::store::{Part, Place, Store};
use crate::view::{CanceledMatching, Retried, RetriedMatching, WorkFilter, WorkState};

/// Items of one transaction.
const CHUNK: i64 = 500;
/// Pages that one call reads: with a filter that few rows pass, most of them are empty.
const PAGES: u32 = 100;

/// What one page came to, and where the next one begins.
struct Step<T> {
    sum: T,
    next: Option<Place>,
    items: i64,
}

impl Inspector {
    /// Cancels what matches and has not ended, at most so many, a page at a time. What has begun to
    /// run meanwhile is told to stop.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`] for a filter of ended work.
    pub async fn cancel_matching(
        &self,
        filter: &WorkFilter,
        limit: u32,
    ) -> Result<CanceledMatching> {
        if filter.state.is_some_and(WorkState::has_ended) {
            return Err(Error::invalid("filter", "what has ended cannot be canceled"));
        }
        let mut sum = CanceledMatching::default();
        let (mut after, mut left) = (None, i64::from(limit));
        for _ in 0..PAGES {
            let part = Part { after, rows: left.min(CHUNK), budget: BUDGET };
            let step = if left > 0 { self.cancel_page(filter, part).await? } else { break };
            sum.canceled += step.sum.canceled;
            sum.requested += step.sum.requested;
            (after, left) = (step.next, left - step.items);
            if after.is_none() {
                break;
            }
        }
        sum.more = after.is_some() || limit == 0;
        self.workpool.hub().send(Hint::Signal);
        Ok(sum)
    }

    async fn cancel_page(&self, filter: &WorkFilter, part: Part) -> Result<Step<CanceledMatching>> {
        let wanted = filter.clone();
        self.act("cancel_matching", described(filter), move |store, conn| {
            let wanted = wanted.clone();
            Box::pin(async move {
                let (ids, next) = matching(&store, conn, &wanted, part).await?;
                let mut sum = CanceledMatching::default();
                for found in store.cancel(conn, &ids, true).await? {
                    *(if found.ended { &mut sum.canceled } else { &mut sum.requested }) += 1;
                }
                let outcome = (!ids.is_empty())
                    .then(|| format!("canceled {}, requested {}", sum.canceled, sum.requested));
                let items = i64::try_from(ids.len()).unwrap_or(i64::MAX);
                Ok(Acted { answer: Step { sum, next, items }, outcome })
            })
        })
        .await
    }

    /// Retries what matches and has failed or was canceled, latest first, at most so many; failed
    /// work unless the filter names a state. See [`retry`](Self::retry).
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`] for a filter of other work.
    pub async fn retry_matching(&self, filter: &WorkFilter, limit: u32) -> Result<RetriedMatching> {
        let filter =
            WorkFilter { state: filter.state.or(Some(WorkState::Failed)), ..filter.clone() };
        if !matches!(filter.state, Some(WorkState::Failed | WorkState::Canceled)) {
            let why = "only what failed or was canceled can be tried again";
            return Err(Error::invalid("filter", why));
        }
        let mut sum = RetriedMatching::default();
        let (mut after, mut left) = (None, i64::from(limit));
        for _ in 0..PAGES {
            let part = Part { after, rows: left.min(CHUNK), budget: BUDGET };
            let step = if left > 0 { self.retry_page(&filter, part).await? } else { break };
            sum.retried += step.sum.retried;
            sum.already += step.sum.already;
            // What somebody had tried again before takes nothing of the limit.
            (after, left) = (step.next, left - step.items);
            if after.is_none() {
                break;
            }
        }
        sum.more = after.is_some() || limit == 0;
        self.workpool.hub().send(Hint::Any);
        Ok(sum)
    }

    async fn retry_page(&self, filter: &WorkFilter, part: Part) -> Result<Step<RetriedMatching>> {
        let wanted = filter.clone();
        self.act("retry_matching", described(filter), move |store, conn| {
            let wanted = wanted.clone();
            Box::pin(async move {
                let (ids, next) = matching(&store, conn, &wanted, part).await?;
                let new: Vec<_> = ids.iter().map(|_| Uuid::now_v7()).collect();
                let mut sum = RetriedMatching::default();
                for found in store.retry_ended(conn, &ids, &new).await? {
                    match found {
                        Retried::As(_) => sum.retried += 1,
                        Retried::Already(_) => sum.already += 1,
                        _ => {}
                    }
                }
                let outcome = (sum.retried > 0).then(|| format!("retried {}", sum.retried));
                let items = sum.retried.cast_signed();
                Ok(Acted { answer: Step { sum, next, items }, outcome })
            })
        })
        .await
    }
}

/// The ids on one page, in the order in which rows are locked, and where the next one begins.
async fn matching(
    store: &Store,
    conn: &mut PgConnection,
    filter: &WorkFilter,
    part: Part,
) -> Result<(Vec<Uuid>, Option<Place>)> {
    // Rolled back, so that the settings for looking end with it.
    let mut look = store.begin_look(conn).await?;
    let mut listed = store.list_work(&mut look, filter, part).await?;
    look.rollback().await?;
    let limit = usize::try_from(part.rows).unwrap_or(usize::MAX);
    let full = listed.rows.len() > limit;
    listed.rows.truncate(limit);
    let next = if full { listed.rows.last().map(|row| row.0) } else { listed.horizon };
    let mut ids: Vec<_> = listed.rows.iter().map(|row| row.1.id).collect();
    ids.sort();
    Ok((ids, next))
}
