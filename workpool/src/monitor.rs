//! Reading the state of work, and waiting for it to change.

use std::collections::HashMap;
use std::time::Duration;

use futures_core::Stream;
use serde::de::DeserializeOwned;
use sqlx::postgres::PgConnection;
use tokio::sync::broadcast;
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::failure::{Failure, FailureKind};
use crate::handle::Workpool;
use crate::hub::{Hint, Topic, forget, next_hint};
use crate::store::ResultRow;
use crate::work::{OutcomeKind, Status, WorkId};

impl Workpool {
    /// Where a work item is in its life; none when it is not known: never enqueued, rolled back,
    /// or its status has expired.
    pub async fn status<T>(&self, id: WorkId<T>) -> Result<Option<Status>> {
        Ok(self.status_batch([id]).await?.pop().flatten())
    }

    /// The status of many items in one statement, in order.
    pub async fn status_batch<T>(
        &self,
        ids: impl IntoIterator<Item = WorkId<T>>,
    ) -> Result<Vec<Option<Status>>> {
        let ids: Vec<Uuid> = ids.into_iter().map(Uuid::from).collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let store = self.store();
        let found = self.run(async |conn| Ok(store.status(conn, &ids).await?)).await?;
        let found: HashMap<_, _> = found.into_iter().collect();
        Ok(ids.iter().map(|id| found.get(id).cloned()).collect())
    }

    /// Waits for the end of a work item, which any process may run, and reads its result.
    ///
    /// # Errors
    ///
    /// [`Error::WorkFailed`], [`Error::WorkCanceled`]; [`Error::UnknownWork`] when it is not
    /// known, which is so at once for work whose status is not kept; [`Error::Undecodable`] when
    /// the result is not a `T`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future only stops the waiting.
    pub async fn result<T: DeserializeOwned>(&self, id: WorkId<T>) -> Result<T> {
        let mut changes = Changes::new(self);
        loop {
            match self.poll_result(id.uuid()).await? {
                Some(row) if !row.waiting => return decode_result(&row),
                Some(_) => {}
                None => return Err(Error::UnknownWork(id.uuid())),
            }
            if changes.pool.is_none() {
                changes.pool = self.pool_of(id.uuid()).await?;
            }
            changes.wait().await;
        }
    }

    async fn poll_result(&self, id: Uuid) -> Result<Option<ResultRow>> {
        let store = self.store();
        self.run(async |conn| Ok(store.result(conn, id).await?)).await
    }

    async fn pool_of(&self, id: Uuid) -> Result<Option<String>> {
        let store = self.store();
        self.run(async |conn| Ok(store.pool_of(conn, id).await?)).await
    }

    /// A stream of the status of a work item: the present one at once, then each change that is
    /// seen, until it has finished (or is not known, or the database cannot be asked). Changes in
    /// quick succession may be seen as one.
    pub fn watch<T>(&self, id: WorkId<T>) -> impl Stream<Item = Result<Status>> + Send + use<T> {
        let start = Watch { changes: Changes::new(self), last: None, over: false };
        let id = id.uuid();
        futures_util::stream::unfold(start, move |mut watch| async move {
            let next = watch.next(id).await?;
            Some((next, watch))
        })
    }
}

fn decode_result<T: DeserializeOwned>(row: &ResultRow) -> Result<T> {
    match row.outcome.map(OutcomeKind::from_code) {
        Some(OutcomeKind::Success) => {
            let json = row.result.as_deref().unwrap_or("null");
            serde_json::from_str(json).map_err(|source| Error::Undecodable {
                what: "result",
                expected: std::any::type_name::<T>(),
                source,
            })
        }
        Some(OutcomeKind::Failed) => {
            let last = row.errors.as_ref().and_then(|errors| errors.last());
            let unknown = || Failure::new(FailureKind::Invalid, "the reason was not stored");
            let failure = last.map_or_else(unknown, |json| Failure::from_json(json));
            Err(Error::WorkFailed(failure))
        }
        Some(OutcomeKind::Canceled) | None => Err(Error::WorkCanceled),
    }
}

struct Watch {
    changes: Changes,
    last: Option<Status>,
    over: bool,
}

impl Watch {
    async fn next(&mut self, id: Uuid) -> Option<Result<Status>> {
        while !self.over {
            let workpool = &self.changes.workpool;
            let status = match workpool.status(WorkId::<()>::from_uuid(id)).await {
                Ok(status) => status?,
                Err(error) => {
                    self.over = true;
                    return Some(Err(error));
                }
            };
            if self.changes.pool.is_none() {
                self.changes.pool = workpool.pool_of(id).await.ok().flatten();
            }
            if self.last.as_ref() != Some(&status) {
                self.over = status.outcome().is_some();
                self.last = Some(status.clone());
                return Some(Ok(status));
            }
            self.changes.wait().await;
        }
        None
    }
}

/// Waits until it is worth looking again: after a hint, or after a while.
pub(crate) struct Changes {
    pub(crate) workpool: Workpool,
    pub(crate) pool: Option<String>,
    hints: broadcast::Receiver<Hint>,
    begun: Instant,
    announced: Option<Instant>,
}

/// Between looks without a hint: at first, while workers have not noticed that somebody watches,
/// and later.
const SOON: Duration = Duration::from_millis(100);
const LATER: Duration = Duration::from_secs(1);
/// How long an announcement that somebody watches lasts.
const ANNOUNCED_S: i64 = 30;

impl Changes {
    pub(crate) fn new(workpool: &Workpool) -> Self {
        workpool.listen();
        Self {
            hints: workpool.hub().subscribe(Topic::Change),
            workpool: workpool.clone(),
            pool: None,
            begun: Instant::now(),
            announced: None,
        }
    }

    pub(crate) async fn wait(&mut self) {
        self.announce().await;
        let young = self.begun.elapsed() < Duration::from_secs(3);
        let wait = if young { SOON } else { LATER };
        let pool = self.pool.clone();
        let hints = &mut self.hints;
        let relevant = async {
            loop {
                match next_hint(hints).await {
                    Hint::Change(changed) if pool.as_deref().is_none_or(|p| p == &*changed) => {
                        return;
                    }
                    Hint::Any | Hint::Signal => return,
                    _ => {}
                }
            }
        };
        // Too late only means to look.
        let _ = timeout(wait, relevant).await;
        forget(&mut self.hints);
    }

    /// Tells workers, which follow in about a second, that changes of the pool are wanted.
    async fn announce(&mut self) {
        let fresh = self.announced.is_some_and(|at| at.elapsed() < Duration::from_secs(10));
        let Some(pool) = self.pool.as_deref().filter(|_| !fresh) else { return };
        self.announced = Some(Instant::now());
        // Only a hint: polling goes on without it.
        let store = self.workpool.store();
        let announced =
            async |conn: &mut PgConnection| Ok(store.watch(conn, pool, ANNOUNCED_S).await?);
        let _ = self.workpool.run(announced).await;
    }
}
