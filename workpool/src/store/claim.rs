//! Taking due work into free slots.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgArguments, PgConnection, PgRow};
use sqlx::query::Query;
use sqlx::{ColumnIndex, FromRow, Postgres, Row};
use uuid::Uuid;

use super::{NewWork, SqlResult, Store, Timestamp};
use crate::failpoint;
use crate::retry::RetryPolicy;

/// What a worker asks of one pool.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) pool: Arc<str>,
    /// The most items.
    pub(crate) items: i64,
    /// Items of the pool that it runs already.
    pub(crate) running: i64,
    /// Where to begin to look.
    pub(crate) since: Timestamp,
    /// Whether whoever enqueues from now on is to notify.
    pub(crate) asleep: bool,
    /// How many due items to mark as claimed, for `next_turn`; zero: none.
    pub(crate) ahead: i64,
}

/// What waits in a pool.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Due {
    /// Until the next item is due; zero: now.
    pub(crate) wait: Duration,
    /// How many are due, up to `MANY`.
    pub(crate) items: i64,
}

impl Due {
    /// Beyond this nobody counts.
    pub(crate) const MANY: i64 = 100;
}

/// A work item that is ours, with all that it takes to run it.
#[derive(Debug)]
pub(crate) struct Claimed {
    pub(crate) id: Uuid,
    pub(crate) pool: Arc<str>,
    pub(crate) function: Arc<str>,
    pub(crate) kind: i16,
    pub(crate) attempt: i32,
    pub(crate) fence: i32,
    pub(crate) run_at: Timestamp,
    /// When it was claimed.
    pub(crate) at: Timestamp,
    /// Somebody may want to know of its end.
    pub(crate) calls: bool,
    pub(crate) retry: Option<RetryPolicy>,
    /// The span in which it was enqueued.
    pub(crate) trace: Option<String>,
    pub(crate) args: String,
}

/// The names in a row, which are mostly those of the row before.
#[derive(Default)]
struct Names {
    pool: Arc<str>,
    function: Arc<str>,
}

fn shared(last: &mut Arc<str>, name: &str) -> Arc<str> {
    if **last != *name {
        *last = name.into();
    }
    Arc::clone(last)
}

impl FromRow<'_, PgRow> for Claimed {
    fn from_row(row: &PgRow) -> SqlResult<Self> {
        Self::read(row, &mut Names::default())
    }
}

impl Claimed {
    /// The statements that claim all answer with these columns, whose types are not compared for each item.
    fn read(row: &PgRow, names: &mut Names) -> SqlResult<Self> {
        Ok(Self {
            id: row.try_get_unchecked(0)?,
            pool: shared(&mut names.pool, row.try_get_unchecked(1)?),
            function: shared(&mut names.function, row.try_get_unchecked(2)?),
            kind: row.try_get_unchecked(3)?,
            attempt: row.try_get_unchecked(4)?,
            fence: row.try_get_unchecked(5)?,
            run_at: row.try_get_unchecked(6)?,
            at: row.try_get_unchecked(7)?,
            calls: row.try_get_unchecked(8)?,
            retry: policy(row, [9, 10, 11, 12])?,
            trace: row.try_get_unchecked(13)?,
            // The text of a `json` is the text.
            args: row.try_get_unchecked(14)?,
        })
    }

    /// What was written as claimed.
    pub(super) fn at_once(item: &NewWork, at: Timestamp, retry: Option<RetryPolicy>) -> Self {
        Self {
            id: item.id,
            pool: item.pool.as_str().into(),
            function: item.function.into(),
            kind: item.kind,
            attempt: 1,
            fence: 1,
            run_at: at,
            at,
            calls: item.callback.is_some(),
            retry,
            trace: item.trace.clone(),
            args: item.args.clone(),
        }
    }

    /// From the due time to the claim.
    pub(crate) const fn lag_ms(&self) -> i64 {
        self.at.0.saturating_sub(self.run_at.0) / 1000
    }
}

/// The columns of a frozen policy, where they are asked for by name.
pub(super) const POLICY: [&str; 4] =
    ["max_attempts", "initial_backoff_ms", "backoff_base", "max_backoff_ms"];

/// The frozen policy of a row; none: retries are off.
pub(super) fn policy<I: ColumnIndex<PgRow>>(
    row: &PgRow,
    [attempts, initial, base, most]: [I; 4],
) -> SqlResult<Option<RetryPolicy>> {
    let Some(max_attempts) = row.try_get::<Option<i32>, _>(attempts)? else {
        return Ok(None);
    };
    let default = RetryPolicy::new();
    let duration = |column, default| -> SqlResult<Duration> {
        let ms: Option<i64> = row.try_get(column)?;
        Ok(ms.map_or(default, |ms| Duration::from_millis(ms.unsigned_abs())))
    };
    Ok(Some(RetryPolicy {
        max_attempts: max_attempts.unsigned_abs(),
        initial_backoff: duration(initial, default.initial_backoff)?,
        base: row.try_get::<Option<f64>, _>(base)?.unwrap_or(default.base),
        max_backoff: duration(most, default.max_backoff)?,
    }))
}

/// The answer to a claim as it came: to read many items takes a while.
#[derive(Debug)]
pub(crate) struct Unread(Vec<PgRow>);

impl Unread {
    pub(crate) const fn items(&self) -> usize {
        self.0.len()
    }

    /// Of the item that was due last: when, and when it was claimed.
    pub(crate) fn last(&self) -> SqlResult<Option<(Timestamp, Timestamp)>> {
        let Some(first) = self.0.first() else { return Ok(None) };
        let mut last: Timestamp = first.try_get_unchecked(6)?;
        for row in &self.0 {
            last = last.max(row.try_get_unchecked(6)?);
        }
        // One statement has claimed them all.
        Ok(Some((last, first.try_get_unchecked(7)?)))
    }

    /// The items by due time.
    pub(crate) fn read(&self) -> SqlResult<Vec<Claimed>> {
        let mut names = Names::default();
        let read = self.0.iter().map(|row| Claimed::read(row, &mut names));
        let mut claimed = read.collect::<SqlResult<Vec<_>>>()?;
        sort(&mut claimed);
        Ok(claimed)
    }
}

/// What a turn came to.
#[derive(Debug, Default)]
pub(crate) struct Turned {
    pub(crate) claimed: Vec<Claimed>,
    /// The ids that ended; the others were superseded.
    pub(crate) ended: Vec<Uuid>,
    /// As many items were marked as was asked.
    pub(crate) marked: bool,
}

impl Store {
    /// Claims due items. One statement, one commit: an answer means that they are ours, and an error
    /// that it is not known (`release_unknown`).
    pub(crate) async fn claim(
        &self,
        conn: &mut PgConnection,
        worker: Uuid,
        asks: &[Ask],
        functions: &[&str],
    ) -> SqlResult<Unread> {
        failpoint::reach(failpoint::CLAIM_SEND, &mut *conn).await?;
        let sql = self.sql();
        let claim = match asks {
            [ask] => {
                let claim = self.query(sql.claim_pool.clone());
                pool_arguments(claim, worker, ask, functions).bind(ask.asleep)
            }
            _ => claim_arguments(self.query(sql.claim.clone()), worker, asks, functions),
        };
        let rows = claim.fetch_all(&mut *conn).await?;
        failpoint::reach(failpoint::CLAIM_DONE, conn).await?;
        check(rows.len(), asks);
        Ok(Unread(rows))
    }

    /// Ends work of one fence number as `succeed` does, and claims into the slots that it leaves,
    /// in the same statement. An error says of both what it says of each.
    pub(crate) async fn turn(
        &self,
        conn: &mut PgConnection,
        worker: Uuid,
        asks: &[Ask],
        functions: &[&str],
        (fence, ended): (i32, &[(Uuid, &str)]),
    ) -> SqlResult<Turned> {
        let (ids, results): (Vec<_>, Vec<_>) = ended.iter().copied().unzip();
        let turn = claim_arguments(self.query(self.sql().turn.clone()), worker, asks, functions);
        let turn = turn.bind(fence).bind(ids).bind(results);
        let turn = turn.bind(asks.iter().map(|ask| ask.ahead).collect::<Vec<_>>());
        turned(conn, turn, asks).await
    }

    /// The same for one pool, no further than `turn` has marked.
    pub(crate) async fn next_turn(
        &self,
        conn: &mut PgConnection,
        worker: Uuid,
        ask: &Ask,
        functions: &[&str],
        (fence, ended): (i32, &[(Uuid, &str)]),
    ) -> SqlResult<Turned> {
        let (ids, results): (Vec<_>, Vec<_>) = ended.iter().copied().unzip();
        let turn = pool_arguments(self.query(self.sql().next_turn.clone()), worker, ask, functions);
        let turn = turn.bind(fence).bind(ids).bind(results);
        turned(conn, turn, std::slice::from_ref(ask)).await
    }

    /// Hands back what is marked as ours and is not in `in_hand`, once every claim under way is
    /// over. Nothing of it was entered, because its claim was never confirmed. Not in the pools that
    /// somebody holds.
    pub(crate) async fn release_unknown(
        &self,
        conn: &mut PgConnection,
        worker: Uuid,
        in_hand: &[Uuid],
        held: &[&str],
    ) -> SqlResult<Vec<Uuid>> {
        let mut tx = self.begin(conn).await?;
        let lock = self.query(self.sql().lock_slots.clone()).bind(worker).bind(held);
        lock.execute(&mut *tx).await?;
        let released: Vec<(Uuid, bool)> = self
            .query_as(self.sql().release_unknown.clone())
            .bind(worker)
            .bind(in_hand)
            .bind(held)
            .fetch_all(&mut *tx)
            .await?;
        self.cancel_released(&mut tx, &released).await?;
        failpoint::reach(failpoint::RECONCILE_WRITTEN, &mut *tx).await?;
        tx.commit().await?;
        failpoint::reach(failpoint::RECONCILE_COMMITTED, conn).await?;
        Ok(released.into_iter().map(|row| row.0).collect())
    }

    /// What waits in each pool from a time on; pools with nothing for us are absent.
    pub(crate) async fn due(
        &self,
        conn: &mut PgConnection,
        pools: &[(Arc<str>, Timestamp)],
        functions: &[&str],
    ) -> SqlResult<Vec<(String, Due)>> {
        let (pools, since) = columns(pools);
        let rows: Vec<(String, i64, i64)> = self
            .query_as(self.sql().due.clone())
            .bind(pools)
            .bind(functions)
            .bind(Due::MANY)
            .bind(since)
            .fetch_all(conn)
            .await?;
        let wait = |us: i64| Duration::from_micros(us.max(0).unsigned_abs());
        let due = |(pool, us, items)| (pool, Due { wait: wait(us), items });
        Ok(rows.into_iter().map(due).collect())
    }

    /// Those of the pools in which something waits that was due before a time, and how long the
    /// server took to find out.
    pub(crate) async fn overdue(
        &self,
        conn: &mut PgConnection,
        pools: &[(Arc<str>, Timestamp)],
        functions: &[&str],
    ) -> SqlResult<(Vec<String>, Duration)> {
        let (pools, until) = columns(pools);
        let overdue = self.query_as(self.sql().overdue.clone());
        let overdue = overdue.bind(pools).bind(functions).bind(until);
        let (found, us): (_, i64) = overdue.fetch_one(conn).await?;
        Ok((found, Duration::from_micros(us.max(0).unsigned_abs())))
    }
}

/// Pools and times, as statements take them.
fn columns(pools: &[(Arc<str>, Timestamp)]) -> (Vec<&str>, Vec<Timestamp>) {
    pools.iter().map(|(pool, at)| (&**pool, *at)).unzip()
}

type Statement<'q> = Query<'q, Postgres, PgArguments>;

/// The arguments that `claim` and `turn` have in common.
fn claim_arguments<'q>(
    statement: Statement<'q>,
    worker: Uuid,
    asks: &[Ask],
    functions: &[&str],
) -> Statement<'q> {
    statement
        .bind(worker)
        .bind(asks.iter().map(|a| a.pool.to_string()).collect::<Vec<_>>())
        .bind(asks.iter().map(|a| a.items).collect::<Vec<_>>())
        .bind(asks.iter().map(|a| a.running).collect::<Vec<_>>())
        .bind(asks.iter().map(|a| a.since).collect::<Vec<_>>())
        .bind(functions.iter().map(|&name| name.to_owned()).collect::<Vec<_>>())
        .bind(asks.iter().map(|a| a.asleep).collect::<Vec<_>>())
}

/// The arguments that the same statements for one pool have in common.
fn pool_arguments<'q>(
    statement: Statement<'q>,
    worker: Uuid,
    ask: &Ask,
    functions: &[&str],
) -> Statement<'q> {
    statement
        .bind(worker)
        .bind(ask.pool.to_string())
        .bind(ask.items)
        .bind(ask.running)
        .bind(ask.since)
        .bind(functions.iter().map(|&name| name.to_owned()).collect::<Vec<_>>())
}

/// Runs a turn.
async fn turned(conn: &mut PgConnection, turn: Statement<'_>, asks: &[Ask]) -> SqlResult<Turned> {
    failpoint::reach(failpoint::CLAIM_SEND, &mut *conn).await?;
    failpoint::reach(failpoint::FINISH_SEND, &mut *conn).await?;
    let rows = turn.fetch_all(&mut *conn).await?;
    failpoint::reach(failpoint::FINISH_DONE, &mut *conn).await?;
    failpoint::reach(failpoint::CLAIM_DONE, conn).await?;
    let (mut turned, mut names) = (Turned::default(), Names::default());
    for row in &rows {
        if row.try_get::<Option<i16>, _>(3)?.is_some() {
            turned.claimed.push(Claimed::read(row, &mut names)?);
        } else if row.try_get::<Option<&str>, _>(1)?.is_some() {
            turned.marked = true;
        } else {
            turned.ended = row.try_get(15)?;
        }
    }
    check(turned.claimed.len(), asks);
    sort(&mut turned.claimed);
    Ok(turned)
}

/// Never more than were asked for.
fn check(claimed: usize, asks: &[Ask]) {
    let asked: i64 = asks.iter().map(|a| a.items).sum();
    let got = i64::try_from(claimed).unwrap_or(i64::MAX);
    assert!(got <= asked, "the database claimed {got} items where {asked} were asked for");
}

/// By due time, as they are to be started.
fn sort(claimed: &mut [Claimed]) {
    claimed.sort_unstable_by_key(|item| (item.run_at, item.id));
}
