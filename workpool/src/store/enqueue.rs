//! Writing new work: all of it or none.

use sqlx::postgres::{PgArguments, PgConnection};
use sqlx::query::Query;
use sqlx::{Postgres, Row};
use uuid::Uuid;

use super::claim::{POLICY, policy};
use super::{Claimed, SqlResult, Store, Timestamp};
use crate::error::{Error, Result};
use crate::retry::RetryPolicy;

/// A work item that is still to be written. Everything in it has been checked.
#[derive(Debug, Clone)]
pub(crate) struct NewWork {
    pub(crate) id: Uuid,
    /// The caller made the id before, so it may be stored already.
    pub(crate) given_id: bool,
    pub(crate) pool: String,
    pub(crate) function: &'static str,
    pub(crate) kind: i16,
    pub(crate) name: Option<String>,
    pub(crate) delay_us: i64,
    pub(crate) run_at: Option<Timestamp>,
    pub(crate) retry: RetryChoice,
    pub(crate) ttl: Ttl,
    pub(crate) callback: Option<&'static str>,
    pub(crate) outcomes: i16,
    pub(crate) context: Option<String>,
    /// The span in which it is enqueued.
    pub(crate) trace: Option<String>,
    pub(crate) args: String,
}

impl NewWork {
    /// Whether it differs in its id and arguments only.
    fn is_like(&self, other: &Self) -> bool {
        let Self { id: _, args: _, given_id, pool, function, kind, name, .. } = self;
        (given_id, pool, function, kind, name)
            == (&other.given_id, &other.pool, &other.function, &other.kind, &other.name)
            && (self.delay_us, self.run_at, self.retry, self.ttl)
                == (other.delay_us, other.run_at, other.retry, other.ttl)
            && (self.callback, self.outcomes, &self.context, &self.trace)
                == (other.callback, other.outcomes, &other.context, &other.trace)
    }

    /// One that says nothing of itself, for tests of what holds it.
    #[cfg(test)]
    pub(crate) fn plain(function: &'static str) -> Self {
        Self {
            id: Uuid::now_v7(),
            given_id: false,
            pool: "emails".into(),
            function,
            kind: 0,
            name: None,
            delay_us: 0,
            run_at: None,
            retry: RetryChoice::PoolDefault,
            ttl: Ttl::OfPool,
            callback: None,
            outcomes: 0,
            context: None,
            trace: None,
            args: "7".into(),
        }
    }

    /// Whether these are one like the other, new, and due now.
    pub(crate) fn are_alike_and_due(items: &[Self]) -> bool {
        let due = |item: &Self| !item.given_id && item.delay_us == 0 && item.run_at.is_none();
        items.first().is_some_and(|first| due(first) && items.iter().all(|i| i.is_like(first)))
    }

    /// About its size.
    pub(crate) fn bytes(&self) -> usize {
        self.args.len() + self.context.as_ref().map_or(0, String::len)
    }
}

/// How long the end is kept, in milliseconds; none: for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ttl {
    OfPool,
    Given(Option<i64>),
}

impl Ttl {
    pub(crate) const fn resolve(self, of_pool: Option<i64>) -> Option<i64> {
        match self {
            Self::OfPool => of_pool,
            Self::Given(ttl) => ttl,
        }
    }
}

/// What is known about retries before the pool's row has been read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum RetryChoice {
    Off,
    Given(RetryPolicy),
    PoolPolicy,
    PoolDefault,
}

impl RetryChoice {
    const fn mode(self) -> i16 {
        match self {
            Self::Off => 0,
            Self::Given(_) => 1,
            Self::PoolPolicy => 2,
            Self::PoolDefault => 3,
        }
    }

    const fn policy(self) -> Option<RetryPolicy> {
        match self {
            Self::Given(policy) => Some(policy),
            _ => None,
        }
    }
}

/// A worker that has free slots for what is enqueued.
#[derive(Debug)]
pub(crate) struct Claimer<'a> {
    pub(crate) worker: Uuid,
    /// Slots that it has to have, for these items and what is in use.
    pub(crate) slots: i64,
    pub(crate) functions: &'a [&'static str],
}

impl Store {
    /// Writes items of one pool in one statement; in a second one, so in a transaction, when callers
    /// gave ids, which may have been stored before. With `notify`, wakes workers that sleep, also
    /// when there are no items. True: it had to.
    pub(crate) async fn enqueue(
        &self,
        conn: &mut PgConnection,
        pool: &str,
        items: &[NewWork],
        notify: bool,
    ) -> Result<bool> {
        fn each<T>(items: &[NewWork], field: impl Fn(&NewWork) -> T) -> Vec<T> {
            items.iter().map(field).collect()
        }
        fn policy<T>(items: &[NewWork], field: impl Fn(RetryPolicy) -> T) -> Vec<Option<T>> {
            items.iter().map(|item| item.retry.policy().map(&field)).collect()
        }
        if let Some(first) = items.first().filter(|first| !first.given_id)
            && items.iter().all(|item| item.is_like(first))
        {
            return self.enqueue_alike(conn, first, items, notify).await;
        }
        let found = self
            .query_scalar(self.sql().enqueue.clone())
            .bind(pool)
            .bind(each(items, |i| i.id))
            .bind(each(items, |i| i.function))
            .bind(each(items, |i| i.kind))
            .bind(each(items, |i| i.name.clone()))
            .bind(each(items, |i| i.delay_us))
            .bind(each(items, |i| i.run_at))
            .bind(each(items, |i| i.retry.mode()))
            .bind(policy(items, |p| p.max_attempts.cast_signed()))
            .bind(policy(items, |p| millis(p.initial_backoff)))
            .bind(policy(items, |p| p.base))
            .bind(policy(items, |p| millis(p.max_backoff)))
            .bind(each(items, |i| i.ttl != Ttl::OfPool))
            .bind(each(items, |i| i.ttl.resolve(None)))
            .bind(each(items, |i| i.callback))
            .bind(each(items, |i| i.outcomes))
            .bind(items.iter().map(|i| i.context.as_deref()).collect::<Vec<_>>())
            .bind(items.iter().map(|i| i.args.as_str()).collect::<Vec<_>>())
            .bind(notify)
            .bind(self.channel())
            .bind(items.iter().any(|i| i.given_id))
            .bind(traces(items.iter().map(|i| i.trace.as_deref())))
            .fetch_optional(&mut *conn)
            .await?;
        let notified = found.ok_or_else(|| Error::UnknownPool(pool.to_owned()))?;
        let given: Vec<_> = items.iter().filter(|i| i.given_id).map(|i| i.id).collect();
        if !given.is_empty() {
            self.query(self.sql().forget_ended.clone()).bind(given).execute(conn).await?;
        }
        Ok(notified)
    }

    /// The common case of that: new ids, and for the rest one is like the other.
    async fn enqueue_alike(
        &self,
        conn: &mut PgConnection,
        like: &NewWork,
        items: &[NewWork],
        notify: bool,
    ) -> Result<bool> {
        let found = arguments_alike(self.query(self.sql().enqueue_alike.clone()), like, items)
            .bind(like.delay_us)
            .bind(like.run_at)
            .bind(notify)
            .bind(self.channel())
            .fetch_optional(conn)
            .await?;
        let row = found.ok_or_else(|| Error::UnknownPool(like.pool.clone()))?;
        Ok(row.try_get("notified")?)
    }

    /// Writes items that are alike and due now as claimed, all of them or none: what was claimed. In one
    /// statement, as `enqueue`; those that are not claimed wait.
    pub(crate) async fn enqueue_claimed(
        &self,
        conn: &mut PgConnection,
        items: &[NewWork],
        claimer: &Claimer<'_>,
    ) -> Result<Vec<Claimed>> {
        let Some(like) = items.first() else { return Ok(Vec::new()) };
        let found = arguments_alike(self.query(self.sql().enqueue_claimed.clone()), like, items)
            .bind(claimer.worker)
            .bind(claimer.slots)
            .bind(claimer.functions)
            .fetch_optional(conn)
            .await?;
        let row = found.ok_or_else(|| Error::UnknownPool(like.pool.clone()))?;
        if !row.try_get::<bool, _>("claimed")? {
            return Ok(Vec::new());
        }
        let (run_at, retry) = (row.try_get("run_at")?, policy(&row, POLICY)?);
        Ok(items.iter().map(|item| Claimed::at_once(item, run_at, retry)).collect())
    }

    /// Which of these ids are stored, ended or not.
    pub(crate) async fn known(
        &self,
        conn: &mut PgConnection,
        ids: &[Uuid],
    ) -> SqlResult<Vec<Uuid>> {
        let rows = self.query(self.sql().known.clone()).bind(ids).fetch_all(conn).await?;
        rows.iter().map(|row| row.try_get("id")).collect()
    }
}

/// What both statements for items that are alike begin with.
fn arguments_alike<'q>(
    query: Query<'q, Postgres, PgArguments>,
    like: &'q NewWork,
    items: &'q [NewWork],
) -> Query<'q, Postgres, PgArguments> {
    let policy = like.retry.policy();
    query
        .bind(like.pool.as_str())
        .bind(items.iter().map(|i| i.id).collect::<Vec<_>>())
        .bind(items.iter().map(|i| i.args.as_str()).collect::<Vec<_>>())
        .bind(like.function)
        .bind(like.kind)
        .bind(like.name.as_deref())
        .bind(like.retry.mode())
        .bind(policy.map(|p| p.max_attempts.cast_signed()))
        .bind(policy.map(|p| millis(p.initial_backoff)))
        .bind(policy.map(|p| p.base))
        .bind(policy.map(|p| millis(p.max_backoff)))
        .bind(like.ttl != Ttl::OfPool)
        .bind(like.ttl.resolve(None))
        .bind(like.callback)
        .bind(like.outcomes)
        .bind(like.context.as_deref())
        .bind(like.trace.as_deref())
}

/// None at all where nobody traces: a shorter array is filled up with nulls.
pub(super) fn traces<'a>(each: impl Iterator<Item = Option<&'a str>>) -> Vec<Option<&'a str>> {
    let traces: Vec<_> = each.collect();
    if traces.iter().any(Option::is_some) { traces } else { Vec::new() }
}

pub(super) fn millis(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
