//! Canceling work, and replaying callbacks that were given up.

use std::collections::HashMap;
use std::time::SystemTime;

use sqlx::postgres::PgConnection;
use uuid::Uuid;

use crate::BoxFuture;
use crate::error::Result;
use crate::failpoint;
use crate::failure::Failure;
use crate::handle::Workpool;
use crate::hub::Hint;
use crate::pool::PoolHandle;
use crate::store::Store;
use crate::submit::Within;
use crate::work::{Cancel, OutcomeKind, WorkId};

/// Cancels on a connection and says what was found. The ends are looked up in a later statement,
/// whose snapshot is newer than the wait for the lock of an item that was just ending.
pub(crate) async fn cancel(store: &Store, conn: &mut PgConnection, id: Uuid) -> Result<Cancel> {
    if let Some(found) = store.cancel(conn, &[id], true).await?.pop() {
        return Ok(if found.ended { Cancel::Canceled } else { Cancel::Requested });
    }
    let ended = !store.known(conn, &[id]).await?.is_empty();
    Ok(if ended { Cancel::AlreadyFinished } else { Cancel::Unknown })
}

impl Workpool {
    /// Cancels a work item, in a transaction of its own, and says what was found.
    ///
    /// What waits has ended when this returns, and its callback is recorded. What runs is told
    /// through its context, in any process, within about a second, and gets no further attempt: a
    /// success stays a success, a failure with attempts left becomes canceled.
    ///
    /// ```no_run
    /// # async fn f(workpool: workpool::Workpool, id: workpool::WorkId<()>) -> workpool::Result<()> {
    /// use workpool::Cancel;
    /// match workpool.cancel(id).await? {
    ///     Cancel::Canceled => println!("it never runs"),
    ///     Cancel::Requested => println!("it runs, and has been told"),
    ///     Cancel::AlreadyFinished | Cancel::Unknown => println!("too late"),
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn cancel<T>(&self, id: WorkId<T>) -> Result<Cancel> {
        let id = id.uuid();
        let run = move |workpool: Self| -> BoxFuture<'static, Result<Cancel>> {
            Box::pin(async move {
                let store = workpool.store();
                let canceled = async |conn: &mut PgConnection| {
                    let mut tx = store.begin(conn).await?;
                    failpoint::reach(failpoint::CANCEL_BEGUN, &mut *tx).await?;
                    let answer = cancel(store, &mut tx, id).await?;
                    failpoint::reach(failpoint::CANCEL_WRITTEN, &mut *tx).await?;
                    tx.commit().await?;
                    failpoint::reach(failpoint::CANCEL_COMMITTED, conn).await?;
                    Ok(answer)
                };
                workpool.run(canceled).await
            })
        };
        let answer = self.transact(run).await?;
        self.hub().send(Hint::Signal);
        Ok(answer)
    }

    /// Callbacks that were given up after many attempts, oldest first, at most `limit`.
    pub async fn parked_callbacks(&self, limit: u32) -> Result<Vec<ParkedCallback>> {
        let store = self.store();
        let rows = self.run(async |conn| Ok(store.parked(conn, i64::from(limit)).await?)).await?;
        let parked = rows.into_iter().map(|row| ParkedCallback {
            work_id: row.id,
            pool: row.pool,
            function: row.work_function,
            callback: row.callback,
            context: row.context.unwrap_or_default(),
            outcome: OutcomeKind::from_code(row.outcome),
            attempts: row.attempt.unsigned_abs(),
            parked_at: row.parked_at.to_system(),
            failure: Failure::from_json(row.error.as_deref().unwrap_or_default()),
        });
        Ok(parked.collect())
    }

    /// Makes parked callbacks due again, with fresh attempts. Returns how many of these were
    /// parked.
    pub async fn replay_callbacks(&self, work: impl IntoIterator<Item = Uuid>) -> Result<u64> {
        let ids: Vec<_> = work.into_iter().collect();
        let store = self.store();
        let replayed = self.run(async |conn| Ok(store.replay(conn, &ids).await?)).await?;
        self.hub().send(Hint::Signal);
        Ok(replayed.unsigned_abs())
    }
}

impl Within<'_> {
    /// Cancels a work item in this transaction: when it commits, what waited can never start; when
    /// it is rolled back, nothing has happened. Until then the item stays locked.
    pub async fn cancel<T>(&self, id: WorkId<T>) -> Result<Cancel> {
        let mut conn = self.conn.lock().await;
        self.workpool.check_pooled(&conn)?;
        cancel(self.workpool.store(), &mut conn, id.uuid()).await
    }
}

impl PoolHandle {
    /// Cancels the work of this pool. See [`CancelAll`].
    pub fn cancel_all(&self) -> CancelAll<'_> {
        CancelAll { pool: self, function: None, with_running: true, limit: None }
    }
}

/// Cancels all work that a pool has when [`run`](Self::run) looks; what is committed later is not
/// touched. One transaction: all of it or nothing.
#[derive(Debug)]
#[must_use = "nothing is canceled until `run` is called"]
pub struct CancelAll<'p> {
    pool: &'p PoolHandle,
    function: Option<String>,
    with_running: bool,
    limit: Option<u32>,
}

/// How many items a `cancel_all` reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct CanceledAll {
    /// Waited, and have ended.
    pub canceled: u64,
    /// Run, and have been told.
    pub requested: u64,
}

/// Items per statement; the transaction is one.
const CHUNK: usize = 1000;

impl CancelAll<'_> {
    /// Only the work of this function (by its registered name).
    pub fn function(mut self, name: impl Into<String>) -> Self {
        self.function = Some(name.into());
        self
    }

    /// Only what waits; what runs is not told.
    pub fn pending_only(mut self) -> Self {
        self.with_running = false;
        self
    }

    /// At most so many items in all, oldest first. 0: none.
    pub fn limit(mut self, items: u32) -> Self {
        self.limit = Some(items);
        self
    }

    /// Does it. Dropping the future half-way cancels either all of it or nothing.
    pub async fn run(self) -> Result<CanceledAll> {
        let workpool = self.pool.workpool.clone();
        let name = self.pool.name.clone();
        let (function, with_running, limit) = (self.function, self.with_running, self.limit);
        let limit = limit.map(i64::from);
        let run = move |workpool: Workpool| -> BoxFuture<'static, Result<CanceledAll>> {
            let (name, function) = (name.clone(), function.clone());
            Box::pin(async move {
                let store = workpool.store();
                let function = function.as_deref();
                let canceled = async |conn: &mut PgConnection| {
                    let mut tx = store.begin(conn).await?;
                    let found =
                        store.cancelable(&mut tx, &name, function, with_running, limit).await?;
                    let sum = cancel_chunks(store, &mut tx, &found, with_running).await?;
                    tx.commit().await?;
                    Ok(sum)
                };
                workpool.run(canceled).await
            })
        };
        let sum = workpool.transact(run).await?;
        workpool.hub().send(Hint::Signal);
        Ok(sum)
    }
}

async fn cancel_chunks(
    store: &Store,
    conn: &mut PgConnection,
    ids: &[Uuid],
    with_running: bool,
) -> Result<CanceledAll> {
    let mut sum = CanceledAll::default();
    for ids in ids.chunks(CHUNK) {
        let answers = store.cancel(conn, ids, with_running).await?;
        let ended: HashMap<_, _> = answers.iter().map(|a| (a.id, a.ended)).collect();
        let canceled = ended.values().filter(|ended| **ended).count() as u64;
        sum.canceled += canceled;
        sum.requested += ended.len() as u64 - canceled;
    }
    Ok(sum)
}

/// A callback that was given up: mend the cause, then replay it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ParkedCallback {
    /// The work that ended; its outcome stands.
    pub work_id: Uuid,
    /// Its pool.
    pub pool: String,
    /// Its function.
    pub function: String,
    /// The `on_complete` function.
    pub callback: String,
    /// The context, as JSON.
    pub context: String,
    /// How the work ended.
    pub outcome: OutcomeKind,
    /// Attempts of the callback.
    pub attempts: u32,
    /// When it was given up.
    pub parked_at: SystemTime,
    /// Why its last attempt failed.
    pub failure: Failure,
}
