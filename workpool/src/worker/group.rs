//! Group commit: further bodies in the transaction of a first, one after the other. They end with
//! the first or not at all; so the fence of the first speaks for all, and so does the answer to a
//! commit.
//!
//! Nothing ends badly in company: what fails there is undone to the last savepoint, which is not
//! far, and runs again, in the end as the first of a group or alone.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::Connection;
use sqlx::postgres::PgConnection;
use tracing::{Instrument, Span};
use uuid::Uuid;

use super::callbacks;
use super::executor::{Item, Taken};
use super::guard::{self, Ran};
use super::job::Job;
use super::shared::Shared;
use super::transaction::{Broken, Tried, ended_early, lost, refused};
use crate::context::MutationCtx;
use crate::failpoint::reach;
use crate::registry::Handler;
use crate::store::{After, Link, Member, RawCallback, SqlResult, is_broken, lost_connection};

/// The most of one transaction.
pub(crate) const MOST: usize = 100;
/// After so long, on a server at ease, no further body begins: others may wait for what is locked.
const BUDGET: Duration = Duration::from_millis(10);
/// A body in company that takes longer is dropped, and runs again alone. A little more than one of its statements may
/// take.
const PATIENCE: Duration = Duration::from_millis(250);
/// So many bodies share a savepoint, each of which costs as much as a small statement.
const STRIDE: usize = 8;

/// Who may share the transaction of a first.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Others<'a> {
    Nobody,
    /// What waits in the pool of a mutation.
    Waiting,
    /// Callbacks of its fence number, which are ours.
    Callbacks(&'a [RawCallback]),
}

/// What has shared it.
#[derive(Debug, Default)]
pub(crate) struct Group {
    /// Items with their results.
    pub(crate) items: Vec<(Item, String)>,
    /// Callbacks: of those that were given, the first ones.
    pub(crate) callbacks: Vec<Uuid>,
}

impl Group {
    pub(crate) const fn is_empty(&self) -> bool {
        self.items.is_empty() && self.callbacks.is_empty()
    }

    /// The first and the others, as they are ended.
    pub(crate) fn members<'a>(&'a self, first: &'a Item, result: &'a str) -> Vec<Member<'a>> {
        let others = self.items.iter().map(|(item, result)| (item, &**result));
        let member = |(item, result): (&'a Item, &'a str)| Member {
            id: item.row.id,
            result,
            running_us: i64::try_from(item.started.elapsed().as_micros()).unwrap_or(i64::MAX),
        };
        std::iter::once((first, result)).chain(others).map(member).collect()
    }
}

/// Whether an item may have others in its transaction: it has not been tried before, so that what
/// broke a process is tried alone, and more is due in its pool than there are slots.
fn may_lead(shared: &Shared, item: &Item) -> bool {
    item.ends_plainly()
        && item.key() == (1, 1)
        && shared.waiting().contains_key(&item.pool)
        && !shared.caution.is_alone(&item.pool)
}

/// Runs others in the transaction of a job whose body has succeeded.
pub(crate) async fn gather(
    shared: &Arc<Shared>,
    conn: &mut PgConnection,
    job: Job<'_>,
    others: Others<'_>,
    since: Instant,
) -> Result<Group, Broken> {
    let budget = shared.strain.stretched(BUDGET);
    let room = room(since.elapsed(), budget);
    let stride = if shared.caution.is_careful(job.of()) { 1 } else { STRIDE };
    let (link, until) = (job.link(shared), since + budget);
    let members = Members { shared, link, conn, until, of: job.of(), stride, kept: 0, run: 0 };
    match (job, others) {
        (Job::Mutation(first, _), Others::Waiting) if room > 1 && may_lead(shared, first) => {
            members.items(job, first, room - 1).await
        }
        (Job::Callback(..), Others::Callbacks(others)) if room > 1 => {
            members.callbacks(job, others.get(..room - 1).unwrap_or(others)).await
        }
        _ => Ok(Group::default()),
    }
}

/// How many bodies there may be time for, when the first took so long: with its beginning, it took
/// longer than the others will.
fn room(took: Duration, budget: Duration) -> usize {
    let times = 3 * budget.as_micros() / took.as_micros().max(1);
    if took > budget { 0 } else { usize::try_from(times).map_or(MOST, |times| times.min(MOST)) }
}

/// Where a group begins. None: the body of the first has broken the transaction, which its own end
/// meets too.
fn begun<T>(began: SqlResult<T>) -> SqlResult<Option<T>> {
    match began {
        Err(error) if is_broken(&error) => Ok(None),
        began => began.map(Some),
    }
}

struct Members<'c> {
    shared: &'c Arc<Shared>,
    link: &'c Link,
    conn: &'c mut PgConnection,
    until: Instant,
    of: &'c str,
    stride: usize,
    /// How many have run, and how many of them before the last savepoint.
    run: usize,
    kept: usize,
}

impl Members<'_> {
    async fn items(mut self, job: Job<'_>, first: &Item, most: usize) -> Result<Group, Broken> {
        let (shared, mut items) = (self.shared, Vec::new());
        let after = After {
            first: &first.row,
            functions: &shared.functions,
            grouped: &shared.grouped,
            most: i64::try_from(most).unwrap_or(i64::MAX),
        };
        let join = shared.store().join(self.conn, shared.worker, &after);
        let joined = self.link.in_time(join).await;
        let Some(joined) = begun(joined).map_err(refused)? else { return Ok(Group::default()) };
        if !joined.is_empty() {
            reach(job.points_of_several().begun, &mut *self.conn).await.map_err(refused)?;
        }
        for row in joined {
            let Some(Handler::Mutation(run)) = shared.handler(&row.function) else { break };
            let (item, span) = Item::new(shared, Taken::of(shared, row, &first.pool, &first.log));
            let Some(result) = self.run(Job::Mutation(&item, run), span).await? else { break };
            items.push((item, result));
        }
        items.truncate(self.close().await?);
        Ok(Group { items, ..Group::default() })
    }

    async fn callbacks(mut self, job: Job<'_>, others: &[RawCallback]) -> Result<Group, Broken> {
        let shared = self.shared;
        let begin = self.link.in_time(shared.store().begin_member(self.conn)).await;
        let Some(()) = begun(begin).map_err(refused)? else { return Ok(Group::default()) };
        reach(job.points_of_several().begun, &mut *self.conn).await.map_err(refused)?;
        for callback in others {
            let handler = shared.handler(&callback.callback);
            let Some(Handler::OnComplete(run)) = handler else { break };
            let span = callbacks::span(shared, callback);
            if self.run(Job::Callback(callback, run), span).await?.is_none() {
                break;
            }
        }
        let done = others.iter().take(self.close().await?);
        let callbacks = done.map(|callback| callback.id).collect();
        Ok(Group { callbacks, ..Group::default() })
    }

    /// Runs one body. None: it was not begun, or has failed; it is the last.
    async fn run(&mut self, job: Job<'_>, span: Span) -> Result<Option<String>, Broken> {
        let shared = self.shared;
        let over = Instant::now() >= self.until || shared.abort.is_cancelled();
        if over || !shared.lease.is_valid() || !self.keep(self.stride).await? {
            return Ok(None);
        }
        job.entered();
        let attempt = job.attempt(shared);
        let mut ctx = MutationCtx::new(&attempt, self.conn);
        let ran = guard::run(job.run(&mut ctx), Some(PATIENCE), &shared.cut).instrument(span);
        let (ran, touched) = (ran.await, ctx.is_touched());
        match ran {
            Ran::Returned(_) if !self.conn.is_in_transaction() => {
                Err(Tried::Again(ended_early()).into())
            }
            Ran::Returned(Ok(result)) => {
                // What has not used the transaction needs no savepoint behind it.
                self.kept += usize::from(!touched && self.kept == self.run);
                self.run += 1;
                Ok(Some(result))
            }
            Ran::Returned(Err(_)) => self.undo().await.map(|()| None),
            // Cut off in the middle of what it did with the connection: nothing of it can be kept.
            Ran::Dropped(failure) => Err(Tried::Again(failure).into()),
            Ran::Aborted => Err(Tried::Aborted.into()),
        }
    }

    /// How many are to be ended.
    async fn close(mut self) -> Result<usize, Broken> {
        self.keep(1).await?;
        let end = self.link.in_time(self.shared.store().end_members(self.conn)).await;
        end.map_err(refused)?;
        Ok(self.kept)
    }

    /// Keeps what was done, if that is so many bodies. False: one of them went on after an error
    /// of the database; they are undone.
    async fn keep(&mut self, at_least: usize) -> Result<bool, Broken> {
        if self.run - self.kept < at_least {
            return Ok(true);
        }
        match self.link.in_time(self.shared.store().next_member(self.conn)).await {
            Ok(()) => {
                self.kept = self.run;
                Ok(true)
            }
            Err(error) if lost_connection(&error) => Err(lost(&error).into()),
            Err(_) => self.undo().await.map(|()| false),
        }
    }

    /// Undoes what was done since the last savepoint.
    async fn undo(&mut self) -> Result<(), Broken> {
        self.shared.caution.failed(self.of);
        self.run = self.kept;
        let undone = self.link.in_time(self.shared.store().undo_member(self.conn)).await;
        undone.map_err(|error| refused(error).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_company_for_short_bodies_only() {
        assert_eq!(room(Duration::from_micros(50), BUDGET), MOST);
        assert_eq!(room(Duration::from_millis(1), BUDGET), 30);
        assert_eq!(room(Duration::from_millis(11), BUDGET), 0);
    }
}
