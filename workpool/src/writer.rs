//! Writes enqueues that have no transaction of the caller's: those of one pool that come while
//! others are being written go together, in one statement and one commit.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgConnection;
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, Sleep, sleep};

use crate::desk::Loan;
use crate::error::{Error, Result};
use crate::failpoint;
use crate::handle::Workpool;
use crate::hub::Hint;
use crate::lane::{Answer, Lost, Waiting};
use crate::meter;
use crate::store::{Claimed, Held, NewWork, is_transient};
use crate::submit::{CHUNK_BYTES, CHUNK_ROWS, note, write};

/// How long a connection is kept for what may come next: to get one anew costs round trips. And how
/// long while there is always something to write: others may wait for one.
const LINGER: Duration = Duration::from_millis(100);
/// Of fewer connections none is kept from the application.
const SPARE: u32 = 4;
/// So many statements in a row may leave it to the next one to wake workers.
const QUIET: u32 = 4;

/// Writes one item together with what else comes. It is written also when this is dropped.
pub(crate) async fn write_together(workpool: &Workpool, item: NewWork) -> Answer {
    let (id, pool) = (item.id, item.pool.clone());
    let (answer, answered) = oneshot::channel();
    if let Some(arrived) = workpool.lanes().push(Waiting { item, answer }) {
        let workpool = workpool.clone();
        tokio::spawn(Writer { workpool, pool, arrived, quiet: 0, wakes: false }.run());
    }
    answered.await.unwrap_or_else(|_| {
        // The runtime that the writer ran on has ended.
        let ended = std::io::Error::other("the runtime that wrote it was shut down");
        Answer::Failed(Error::Unconfirmed { id, source: sqlx::Error::Io(ended) })
    })
}

/// Writes what comes to one lane, until nothing does.
struct Writer {
    workpool: Workpool,
    pool: String,
    /// Tells when something has come to the lane.
    arrived: Arc<Notify>,
    /// Statements since the last one that woke workers, or found none asleep.
    quiet: u32,
    /// It had to wake some: those that follow at once need not all do so too.
    wakes: bool,
}

impl Drop for Writer {
    /// It may be cut off with its runtime, or never begin without one: others must not wait for it.
    fn drop(&mut self) {
        self.workpool.lanes().abandon(&self.pool, &self.arrived);
    }
}

impl Writer {
    async fn run(mut self) {
        // One timer for all waits: to put one off costs nothing, a new one that is due first wakes the
        // thread that is to sleep.
        let mut patience = pin!(sleep(LINGER));
        let (mut held, mut since) = (None, Instant::now());
        loop {
            let batch = self.workpool.lanes().take(&self.pool, CHUNK_ROWS, CHUNK_BYTES);
            if !batch.is_empty() {
                if held.is_none() {
                    since = Instant::now();
                }
                self.write(&mut held, batch).await;
                if !self.has_spare() || since.elapsed() > LINGER {
                    held = None;
                }
            } else if self.quiet > 0 {
                self.announce(&mut held).await;
            } else {
                self.wakes = false;
                if held.is_none() || !self.more_comes(patience.as_mut()).await {
                    held = None;
                    if self.workpool.lanes().close(&self.pool) {
                        return;
                    }
                }
            }
        }
    }

    /// Whether the application has others than the connection that this keeps.
    fn has_spare(&self) -> bool {
        self.workpool.db().options().get_max_connections() >= SPARE
    }

    /// Waits a little, unless the connection may be missed elsewhere.
    async fn more_comes(&self, mut patience: Pin<&mut Sleep>) -> bool {
        let lanes = self.workpool.lanes();
        let linger = if self.has_spare() { lanes.linger() } else { None };
        let Some(_linger) = linger else { return false };
        patience.as_mut().reset(Instant::now() + LINGER);
        tokio::select! {
            () = self.arrived.notified() => true,
            () = patience => false,
        }
    }

    async fn write(&mut self, held: &mut Option<Held>, batch: Vec<Waiting>) {
        let (items, waiting): (Vec<_>, Vec<_>) =
            batch.into_iter().map(|one| (one.item, one.answer)).unzip();
        // Whoever has given up waiting is fine.
        match self.statement(held, &items).await {
            Ok(()) => waiting.into_iter().for_each(|one| drop(one.send(Answer::Written))),
            Err(Error::Database(error)) if is_transient(&error) => {
                let Lost { error, stored } = error.into();
                let shared = Arc::new(error);
                for (item, one) in items.into_iter().zip(waiting) {
                    let error = sqlx::Error::Io(std::io::Error::other(Arc::clone(&shared)));
                    let _ = one.send(Answer::Alone(Box::new(item), Some(Lost { error, stored })));
                }
            }
            Err(error) => {
                let mut refused = (items.len() == 1).then_some(error);
                for (item, one) in items.into_iter().zip(waiting) {
                    // Of several one is refused: the others must not be.
                    let alone = || Answer::Alone(Box::new(item), None);
                    let _ = one.send(refused.take().map_or_else(alone, Answer::Failed));
                }
            }
        }
    }

    async fn statement(&mut self, held: &mut Option<Held>, items: &[NewWork]) -> Result<()> {
        let (store, hub) = (self.workpool.store(), self.workpool.hub());
        if held.is_none() {
            // Slots are lent for a statement, not for the wait for a connection.
            let taken = self.workpool.link().hold().await.map_err(Error::from);
            *held = Some(taken.inspect_err(meter::refused)?);
        }
        if let Some(loan) = hub.borrow(items) {
            return self.write_claimed(held, items, loan).await;
        }
        let ready = hub.is_ready(&self.pool);
        let loud = !ready && (!self.wakes || self.quiet >= QUIET);
        let written = async |conn: &mut PgConnection| -> Result<bool> {
            failpoint::reach(failpoint::ENQUEUE_SEND, &mut *conn).await?;
            let notified = write(store, conn, items, loud).await?;
            failpoint::reach(failpoint::ENQUEUE_DONE, conn).await?;
            Ok(notified)
        };
        let notified = self.workpool.link().run_on(held, written).await;
        let notified = notified.inspect_err(meter::refused)?;
        if ready {
            hub.send(Hint::Work(self.pool.as_str().into()));
        }
        // Who was ready before may have ended meanwhile.
        if loud || (ready && hub.is_ready(&self.pool)) {
            (self.quiet, self.wakes) = (0, notified);
        } else {
            self.quiet += 1;
        }
        Ok(())
    }

    /// Writes items as claimed into slots of a worker of this process.
    async fn write_claimed(
        &mut self,
        held: &mut Option<Held>,
        items: &[NewWork],
        loan: Loan,
    ) -> Result<()> {
        let (store, hub) = (self.workpool.store(), self.workpool.hub());
        let written = async |conn: &mut PgConnection| -> Result<Vec<Claimed>> {
            failpoint::reach(failpoint::ENQUEUE_SEND, &mut *conn).await?;
            let claimed = store.enqueue_claimed(conn, items, &loan.claimer()).await?;
            failpoint::reach(failpoint::ENQUEUE_DONE, conn).await?;
            Ok(claimed)
        };
        let answer = self.workpool.link().run_on(held, written).await.inspect_err(meter::refused);
        let claimed = match answer {
            Ok(claimed) => claimed,
            Err(error) => {
                if !matches!(&error, Error::Database(error) if is_transient(error)) {
                    loan.answered(Vec::new());
                }
                return Err(error);
            }
        };
        note(items);
        let wait = claimed.is_empty();
        loan.answered(claimed);
        if wait {
            hub.send(Hint::Work(self.pool.as_str().into()));
            self.quiet += u32::from(!hub.is_ready(&self.pool));
        }
        Ok(())
    }

    /// Nothing more comes: wakes workers for what was written without. Only a hint, like any other.
    async fn announce(&mut self, held: &mut Option<Held>) {
        (self.quiet, self.wakes) = (0, false);
        let (store, pool) = (self.workpool.store(), self.pool.as_str());
        let announced = async |conn: &mut PgConnection| store.enqueue(conn, pool, &[], true).await;
        let _ = self.workpool.link().run_on(held, announced).await;
    }
}
