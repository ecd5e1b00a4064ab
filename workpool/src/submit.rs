//! Where an enqueue goes: the contexts that accept work, and writing it in a transaction of its
//! own without doubling or losing it when an answer is lost.

use std::time::{Duration, Instant, SystemTime};

use sqlx::Connection;
use sqlx::postgres::PgConnection;
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::BoxFuture;
use crate::error::{Error, Result};
use crate::failpoint;
use crate::handle::Workpool;
use crate::hub::Hint;
use crate::lane::{Answer, Lost};
use crate::meter;
use crate::store::{NewWork, Store, Timestamp, in_doubt, is_transient};
use crate::telemetry;
use crate::writer;

/// Something to enqueue with: a [`Workpool`], a [`Within`], an [`ActionCtx`](crate::ActionCtx) or
/// a [`MutationCtx`](crate::MutationCtx). Sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot enqueue work",
    note = "pass a `&Workpool`, `&workpool.within(&mut tx)`, an `&ActionCtx` or a `&mut MutationCtx`"
)]
pub trait EnqueueContext: Sync {
    /// Accepts items of one enqueue: all or none.
    #[doc(hidden)]
    fn submit(&self, items: Submission) -> BoxFuture<'_, Result<()>>;
}

/// Checked items of one enqueue, all of one pool and function. Only this crate can make it, which
/// seals `EnqueueContext`.
#[derive(Debug)]
pub struct Submission(pub(crate) Vec<NewWork>);

/// A transaction of the caller's to enqueue and cancel in. Made by [`Workpool::within`].
#[derive(Debug)]
pub struct Within<'t> {
    pub(crate) workpool: Workpool,
    pub(crate) conn: Mutex<&'t mut PgConnection>,
}

impl Workpool {
    /// Lets enqueues and cancels take part in the caller's transaction (or go through its
    /// connection): they are committed or rolled back with it.
    ///
    /// ```no_run
    /// # async fn f(workpool: workpool::Workpool) -> workpool::Result<()> {
    /// # #[workpool::mutation] async fn increment(_: &mut workpool::MutationCtx<'_>) -> workpool::Result<()> { Ok(()) }
    /// let mut tx = workpool.db().begin().await?;
    /// increment::enqueue(&workpool.within(&mut tx), ()).await?;
    /// tx.commit().await?;
    /// # Ok(()) }
    /// ```
    ///
    /// On a connection that is in no transaction, each statement is committed by itself: a batch of more
    /// than a thousand items is several of them, and a given id that is just ending may be stored once
    /// more. The same may happen to one that has ended since the snapshot of a `REPEATABLE READ` or
    /// `SERIALIZABLE` transaction. In [`pooled`](crate::Builder::pooled) mode it has to be a transaction
    /// that sqlx has begun.
    #[must_use]
    pub fn within<'t>(&self, conn: &'t mut PgConnection) -> Within<'t> {
        Within { workpool: self.clone(), conn: Mutex::new(conn) }
    }

    /// Through a pooler, two statements outside of a transaction may meet two servers.
    pub(crate) fn check_pooled(&self, conn: &PgConnection) -> Result<()> {
        if self.store().is_pooled() && !conn.is_in_transaction() {
            let why = "in pooled mode the connection must be inside a transaction: use `begin`";
            return Err(Error::invalid("connection given to `within`", why));
        }
        Ok(())
    }
}

/// The most rows, and about the most bytes, of one statement.
pub(crate) const CHUNK_ROWS: usize = 1000;
pub(crate) const CHUNK_BYTES: usize = 4 << 20;

/// Writes items of one pool on a connection, statement by statement. True: it had to wake workers.
pub(crate) async fn write(
    store: &Store,
    conn: &mut PgConnection,
    items: &[NewWork],
    notify: bool,
) -> Result<bool> {
    let (mut rest, mut notified) = (items, false);
    while let Some(first) = rest.first() {
        let mut bytes = 0;
        let fits = rest.iter().take(CHUNK_ROWS).take_while(|item| {
            bytes += item.bytes();
            bytes <= CHUNK_BYTES
        });
        let (chunk, after) = rest.split_at(fits.count().max(1));
        notified |= store.enqueue(conn, &first.pool, chunk, notify).await?;
        rest = after;
    }
    note(items);
    Ok(notified)
}

/// Counts and logs what is written.
pub(crate) fn note(items: &[NewWork]) {
    meter::enqueued(items);
    for item in items {
        let delay = Duration::from_micros(item.delay_us.unsigned_abs());
        let when = item.run_at.map_or_else(|| SystemTime::now() + delay, Timestamp::to_system);
        telemetry::enqueued(item.id, &item.pool, item.function, when);
    }
}

impl EnqueueContext for Within<'_> {
    fn submit(&self, Submission(items): Submission) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let mut conn = self.conn.lock().await;
            self.workpool.check_pooled(&conn)?;
            // A failed statement would spoil the caller's transaction; only our own errors, which
            // are found before, leave it usable.
            write(self.workpool.store(), &mut conn, &items, true).await.map(drop)
        })
    }
}

impl EnqueueContext for Workpool {
    fn submit(&self, Submission(mut items): Submission) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let (begun, mut lost) = (Instant::now(), None);
            if items.len() == 1 && !items[0].given_id {
                match writer::write_together(self, items.remove(0)).await {
                    Answer::Written => return Ok(()),
                    Answer::Failed(error) => return Err(error),
                    Answer::Alone(item, error) => {
                        items.push(*item);
                        lost = error;
                    }
                }
            }
            // Several statements in a transaction: a future dropped half-way would leave the
            // connection inside it, so it runs in a task of its own.
            let this = self.clone();
            let run = async move { this.write_confirmed(&items, begun, lost).await };
            tokio::spawn(run).await.expect("writing rows does not panic")
        })
    }
}

/// An enqueue that lost its connection may have been stored all the same.
pub(crate) fn unconfirmed(error: Error, id: Uuid) -> Error {
    match error {
        Error::Database(source) if in_doubt(&source) => Error::Unconfirmed { id, source },
        error => error,
    }
}

/// How often an enqueue whose answer was lost is sent again, and the pause before.
const RESENDS: u32 = 5;
const RESEND_PAUSE: Duration = Duration::from_millis(100);

impl Workpool {
    /// Writes in a transaction of its own. When an answer was lost it sends again: the ids are the
    /// same, so what was stored the first time is not stored twice.
    async fn write_confirmed(
        &self,
        items: &[NewWork],
        begun: Instant,
        lost: Option<Lost>,
    ) -> Result<()> {
        let pool = items[0].pool.as_str();
        let ready = self.hub().is_ready(pool);
        self.write_surely(items, !ready, (begun, lost)).await?;
        if ready {
            self.hub().send(Hint::Work(pool.into()));
            if !self.hub().is_ready(pool) {
                // Who was ready has ended meanwhile. Only a hint, like any other.
                let announced = async |conn: &mut PgConnection| {
                    self.store().enqueue(conn, pool, &[], true).await
                };
                let _ = self.run(announced).await;
            }
        }
        Ok(())
    }

    async fn write_surely(
        &self,
        items: &[NewWork],
        notify: bool,
        (begun, lost): (Instant, Option<Lost>),
    ) -> Result<()> {
        let write = async |conn: &mut PgConnection| self.write_alone(conn, items, notify).await;
        let Lost { mut error, mut stored } = match lost {
            Some(lost) => lost,
            None => match self.run(write).await {
                Err(Error::Database(error)) if is_transient(&error) => error.into(),
                answer => return answer,
            },
        };
        for resend in 1..=RESENDS {
            tokio::time::sleep(RESEND_PAUSE * resend).await;
            let write = async |conn: &mut PgConnection| {
                if stored {
                    return self.write_again(conn, items, notify, begun).await;
                }
                self.write_alone(conn, items, notify).await.map(|()| true)
            };
            let lost: Lost = match self.run(write).await {
                Ok(true) => return Ok(()),
                Ok(false) => break,
                Err(Error::Database(error)) => error.into(),
                Err(error) => return Err(error),
            };
            (error, stored) = (lost.error, stored || lost.stored);
            if !is_transient(&error) {
                break;
            }
        }
        if stored {
            return Err(Error::Unconfirmed { id: items[0].id, source: error });
        }
        Err(Error::Database(error))
    }

    async fn write_alone(
        &self,
        conn: &mut PgConnection,
        items: &[NewWork],
        notify: bool,
    ) -> Result<()> {
        let mut tx = self.store().begin(conn).await?;
        failpoint::reach(failpoint::BATCH_BEGUN, &mut *tx).await?;
        write(self.store(), &mut tx, items, notify).await?;
        failpoint::reach(failpoint::BATCH_WRITTEN, &mut *tx).await?;
        tx.commit().await?;
        Ok(failpoint::reach(failpoint::BATCH_COMMITTED, conn).await?)
    }

    /// Sends again. False: work whose end is not kept for so long may have been stored, run and
    /// forgotten meanwhile; to store it again could run it twice.
    async fn write_again(
        &self,
        conn: &mut PgConnection,
        items: &[NewWork],
        notify: bool,
        begun: Instant,
    ) -> Result<bool> {
        let ids: Vec<_> = items.iter().map(|item| item.id).collect();
        let known = self.store().known(conn, &ids).await?;
        if items.iter().any(|item| !item.given_id && known.contains(&item.id)) {
            // Nobody else has that id, and all of them were written in one transaction.
            return Ok(true);
        }
        let missing = items.iter().filter(|item| !known.contains(&item.id));
        let missing: Vec<_> =
            missing.map(|item| NewWork { given_id: true, ..item.clone() }).collect();
        if missing.is_empty() {
            return Ok(true);
        }
        let row = self.store().pools(conn, Some(&items[0].pool)).await?.pop();
        let pool_ttl = row.and_then(|row| row.status_ttl_ms);
        let since = i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX);
        if missing.iter().any(|item| item.ttl.resolve(pool_ttl).is_some_and(|ttl| ttl <= since)) {
            return Ok(false);
        }
        self.write_alone(conn, &missing, notify).await?;
        Ok(true)
    }
}
