//! A pool of connections, and how one operation uses one of them: through a pooler in a transaction
//! of its own, and at most for so long.
//!
//! A connection on which something went wrong, or whose answer has not come, is closed: whoever
//! comes next must not wait for what was left on it.

use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnection, PgPool};
use sqlx::{Connection, Postgres, SqlStr, Transaction};
use tokio::time::timeout;

use super::stock::{Stock, Taken};
use super::{BEGIN, Cause, SqlResult, Store, lost_connection};

/// Where connections come from.
#[derive(Debug, Clone)]
enum Source {
    /// The application's pool, whose settings and hooks are its own.
    App(PgPool),
    Own(Stock),
}

/// The connections for one purpose. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    source: Source,
    /// How the transaction of an operation begins, when it needs one.
    begin: Option<SqlStr>,
    deadline: Option<Duration>,
}

impl Link {
    /// Connections of the application's, as long as an operation takes. Each operation in a
    /// transaction that begins so, or, without a pooler, as it is.
    pub(crate) const fn of_app(db: PgPool, begin: Option<SqlStr>) -> Self {
        Self { source: Source::App(db), begin, deadline: None }
    }

    /// Connections of a worker's own, with a deadline for each operation.
    pub(crate) const fn own(stock: Stock, begin: Option<SqlStr>, deadline: Duration) -> Self {
        Self { source: Source::Own(stock), begin, deadline: Some(deadline) }
    }

    /// How many of its connections are in use.
    #[cfg(feature = "metrics")]
    pub(crate) fn in_use(&self) -> usize {
        match &self.source {
            Source::App(db) => (db.size() as usize).saturating_sub(db.num_idle()),
            Source::Own(stock) => stock.in_use(),
        }
    }

    /// How the transaction of an operation begins, when it needs one.
    pub(super) fn begins(&self) -> Option<SqlStr> {
        self.begin.clone()
    }

    pub(crate) fn is_closed(&self) -> bool {
        match &self.source {
            Source::App(db) => db.is_closed(),
            Source::Own(stock) => stock.is_closed(),
        }
    }

    /// Closes a worker's own, but waits for none that somebody does not give back.
    pub(crate) async fn close(&self, patience: Duration) {
        if let Source::Own(stock) = &self.source {
            stock.close(patience).await;
        }
    }

    /// Runs one operation. Through a pooler it is committed with its success and rolled back with
    /// its error; an error of the connection, as ever, does not say whether it took effect.
    pub(crate) async fn run<T, E: From<sqlx::Error> + Cause>(
        &self,
        operation: impl AsyncFnOnce(&mut PgConnection) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut held = self.hold().await?;
        self.on(&mut held, operation).await
    }

    /// The same on a connection that the caller keeps for the next operation.
    pub(crate) async fn run_on<T, E: From<sqlx::Error> + Cause>(
        &self,
        held: &mut Option<Held>,
        operation: impl AsyncFnOnce(&mut PgConnection) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut mine = match held.take() {
            Some(mine) => mine,
            None => self.hold().await?,
        };
        mine.over = false;
        let answer = self.on(&mut mine, operation).await;
        if answer.is_ok() {
            *held = Some(mine);
        }
        answer
    }

    async fn on<T, E: From<sqlx::Error> + Cause>(
        &self,
        held: &mut Held,
        operation: impl AsyncFnOnce(&mut PgConnection) -> Result<T, E>,
    ) -> Result<T, E> {
        let run = operate(held.conn(), self.begin.as_ref(), operation);
        let answer = match self.deadline {
            Some(deadline) => timeout(deadline, run).await.unwrap_or_else(|_| Err(late().into())),
            None => run.await,
        };
        // Without a transaction or a deadline nothing is left behind that the next one would meet,
        // unless the connection itself is out of order.
        let simple = self.begin.is_none() && self.deadline.is_none();
        if answer.as_ref().err().is_none_or(|error| simple && !error.is_outage()) {
            held.keep();
        }
        answer
    }

    /// A connection for a transaction that the caller conducts; its steps belong in [`in_time`].
    ///
    /// [`in_time`]: Self::in_time
    pub(crate) async fn hold(&self) -> SqlResult<Held> {
        let conn = match &self.source {
            Source::App(db) => Conn::App(db.acquire().await?),
            Source::Own(stock) => {
                let mut taken = stock.take().await?;
                self.in_time(taken.refresh()).await?;
                Conn::Own(taken)
            }
        };
        Ok(Held { conn: Some(conn), over: false })
    }

    /// Bounds one step of what is done with a connection of this link.
    pub(crate) async fn in_time<T>(
        &self,
        what: impl Future<Output = SqlResult<T>>,
    ) -> SqlResult<T> {
        let Some(deadline) = self.deadline else { return what.await };
        timeout(deadline, what).await.unwrap_or_else(|_| Err(late()))
    }
}

enum Conn {
    App(PoolConnection<Postgres>),
    Own(Taken),
}

/// A connection while an operation runs on it. Closed unless that has come to a good end, also when
/// its future is dropped half-way.
pub(crate) struct Held {
    conn: Option<Conn>,
    over: bool,
}

impl Held {
    pub(crate) fn conn(&mut self) -> &mut PgConnection {
        match self.conn.as_mut().expect("it is there until it is dropped") {
            Conn::App(conn) => conn,
            Conn::Own(taken) => taken.conn(),
        }
    }

    /// A statement took long: its plan may be one for a table that was small.
    pub(crate) fn suspect_plans(&mut self) {
        if let Some(Conn::Own(taken)) = &mut self.conn {
            taken.suspect();
        }
    }

    /// Nothing is left on it that the next one would meet.
    pub(crate) const fn keep(&mut self) {
        self.over = true;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        match (self.conn.take(), self.over) {
            (Some(Conn::Own(taken)), true) => taken.keep(),
            (Some(Conn::App(conn)), false) => drop(conn.detach()),
            // The application's goes back to its pool; our own is closed.
            (Some(Conn::App(_)), true) | (Some(Conn::Own(_)), false) | (None, _) => {}
        }
    }
}

/// Runs an operation on a connection, in a transaction when it is told how to begin one.
pub(crate) async fn operate<T, E: From<sqlx::Error>>(
    conn: &mut PgConnection,
    begin: Option<&SqlStr>,
    operation: impl AsyncFnOnce(&mut PgConnection) -> Result<T, E>,
) -> Result<T, E> {
    let Some(begin) = begin else { return operation(conn).await };
    let mut tx = conn.begin_with(begin.clone()).await?;
    let answer = operation(&mut tx).await?;
    tx.commit().await?;
    Ok(answer)
}

/// No answer in time: as good as a lost connection.
fn late() -> sqlx::Error {
    let late = sqlx::Error::Io(std::io::ErrorKind::TimedOut.into());
    debug_assert!(lost_connection(&late));
    late
}

impl Store {
    /// A transaction of ours, or, inside of one that carries a whole operation, a part of it.
    pub(crate) async fn begin<'c>(
        &self,
        conn: &'c mut PgConnection,
    ) -> SqlResult<Transaction<'c, Postgres>> {
        if conn.is_in_transaction() { conn.begin().await } else { conn.begin_with(BEGIN).await }
    }
}
