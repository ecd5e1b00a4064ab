//! Connections of a worker's own, opened when they are needed and kept for the next operation.
//!
//! The pool of sqlx asks the server of every connection that comes back whether it is alive. That
//! is a round trip for each operation, which costs more than many an operation itself; here it is
//! the next operation that finds out, and everything that runs on these can be sent again.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use sqlx::Connection;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgExecutor};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::SqlResult;

/// How long to wait for a place and a connection.
const PATIENCE: Duration = Duration::from_secs(10);
/// A server keeps memory for what a connection has seen: each is replaced now and then.
const LIFETIME: Duration = Duration::from_mins(30);

/// How long a connection keeps the plans of its statements, where the settings do not see to good ones: a
/// plan that was made for a small table walks over it when it is large. And at least how long.
const PLANS: Duration = Duration::from_secs(10);
const PLANS_AT_LEAST: Duration = Duration::from_secs(1);

/// What a connection is told when it is opened: names and values of settings.
pub(crate) type Chosen = Vec<(&'static str, String)>;

/// By these the server notices within half a minute that nobody is at the other end.
pub(crate) const KEEPALIVES: [(&str, &str); 3] = [
    ("tcp_keepalives_idle", "15"),
    ("tcp_keepalives_interval", "5"),
    ("tcp_keepalives_count", "3"),
];

/// Tells a connection its settings, for as long as it lives.
pub(crate) async fn settle(
    conn: impl PgExecutor<'_>,
    chosen: &[(&str, impl AsRef<str>)],
) -> SqlResult<()> {
    let (names, values): (Vec<_>, Vec<_>) =
        chosen.iter().map(|(name, value)| (*name, value.as_ref())).unzip();
    let set = sqlx::query(
        "SELECT set_config(s.name, s.value, false) FROM unnest($1::text[], $2::text[]) AS s (name, value)",
    );
    set.persistent(false).bind(names).bind(values).execute(conn).await.map(drop)
}

/// Has the server end a statement, and what its transaction has locked, when nobody is at the other end any
/// more: a body that was dropped in the midst of one. Where the server cannot notice, it goes on.
async fn notice_the_end(conn: &mut PgConnection) -> SqlResult<()> {
    // Since PostgreSQL 14, and not on every system.
    const CHECK: &str = "SELECT set_config('client_connection_check_interval', '1s', false)
        WHERE current_setting('client_connection_check_interval', true) = '0'";
    match sqlx::query(CHECK).persistent(false).execute(conn).await {
        Ok(_) | Err(sqlx::Error::Database(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// A bounded number of connections. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Stock(Arc<Inner>);

struct Inner {
    options: PgConnectOptions,
    chosen: Chosen,
    size: u32,
    /// Whether statements are planned anew now and then.
    replans: bool,
    places: Arc<Semaphore>,
    idle: Mutex<Vec<Open>>,
}

#[derive(Debug)]
struct Open {
    conn: PgConnection,
    since: Instant,
    planned: Instant,
    /// A statement took so long that its plan may be to blame.
    suspect: bool,
}

impl Stock {
    /// `replans`: the settings do not see to good plans.
    pub(crate) fn new(options: PgConnectOptions, size: u32, chosen: Chosen, replans: bool) -> Self {
        let places = Arc::new(Semaphore::new(size as usize));
        Self(Arc::new(Inner { options, chosen, size, replans, places, idle: Mutex::default() }))
    }

    /// The connection that was used last, or a new one.
    pub(super) async fn take(&self) -> SqlResult<Taken> {
        timeout(PATIENCE, self.place_and_connection())
            .await
            .unwrap_or(Err(sqlx::Error::PoolTimedOut))
    }

    async fn place_and_connection(&self) -> SqlResult<Taken> {
        let place = Arc::clone(&self.0.places).acquire_owned().await;
        let place = place.map_err(|_| sqlx::Error::PoolClosed)?;
        let kept = self.idle().pop().filter(|open| open.since.elapsed() < LIFETIME);
        let open = if let Some(open) = kept {
            open
        } else {
            let (conn, now) = (self.connect().await?, Instant::now());
            Open { conn, since: now, planned: now, suspect: false }
        };
        Ok(Taken { stock: self.clone(), open: Some(open), _place: place })
    }

    async fn connect(&self) -> SqlResult<PgConnection> {
        let mut conn = PgConnection::connect_with(&self.0.options).await?;
        if !self.0.chosen.is_empty() {
            settle(&mut conn, &self.0.chosen).await?;
            notice_the_end(&mut conn).await?;
        }
        Ok(conn)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Open>> {
        self.0.idle.lock().expect("no code panics with this lock")
    }

    #[cfg(feature = "metrics")]
    pub(super) fn in_use(&self) -> usize {
        (self.0.size as usize).saturating_sub(self.0.places.available_permits())
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.0.places.is_closed()
    }

    /// Lets those in use come to their end, but waits no longer than `patience` for them, and lets
    /// no new one begin.
    pub(crate) async fn close(&self, patience: Duration) {
        let _ = timeout(patience, self.0.places.acquire_many(self.0.size)).await;
        self.0.places.close();
        let idle = std::mem::take(&mut *self.idle());
        for open in idle {
            let _ = timeout(patience, open.conn.close()).await;
        }
    }
}

impl fmt::Debug for Stock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stock").field("size", &self.0.size).finish_non_exhaustive()
    }
}

/// A connection in use, with its place. Closed when it is dropped without having been kept.
pub(super) struct Taken {
    stock: Stock,
    open: Option<Open>,
    _place: OwnedSemaphorePermit,
}

impl Taken {
    fn open(&mut self) -> &mut Open {
        self.open.as_mut().expect("it is there until it is dropped")
    }

    pub(super) fn conn(&mut self) -> &mut PgConnection {
        &mut self.open().conn
    }

    /// Has old plans made anew.
    pub(super) async fn refresh(&mut self) -> SqlResult<()> {
        let (replans, open) = (self.stock.0.replans, self.open());
        let kept = if open.suspect { PLANS_AT_LEAST } else { PLANS };
        if !replans || open.planned.elapsed() < kept {
            return Ok(());
        }
        open.conn.clear_cached_statements().await?;
        (open.planned, open.suspect) = (Instant::now(), false);
        Ok(())
    }

    /// Has them made anew soon.
    pub(super) fn suspect(&mut self) {
        self.open().suspect = true;
    }

    /// Puts it back for the next operation.
    pub(super) fn keep(mut self) {
        if !self.stock.is_closed() {
            let open = self.open.take();
            self.stock.idle().extend(open);
        }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if self.open.take().is_some() {
            // What broke this one may have broken all: none of the others is worth a failure more.
            self.stock.idle().clear();
        }
    }
}
