//! `Workpool`, the handle that everything goes through, and how one is configured.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{PgPool, SqlSafeStr};

use crate::BoxFuture;
use crate::error::{Error, Result};
use crate::hub::Hub;
use crate::lane::Lanes;
use crate::meter;
use crate::store::{BEGIN, Link, Store, conflicts};

/// A handle on the work in one schema of one database. Cheap to clone; all clones share their
/// connections.
///
/// ```no_run
/// # async fn f() -> workpool::Result<()> {
/// let workpool = workpool::Workpool::connect("postgres://localhost/app").await?;
/// let worker = workpool.worker().start().await?;
/// # worker.shutdown().await;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Workpool {
    inner: Arc<Inner>,
}

struct Inner {
    db: PgPool,
    link: Link,
    /// Where notifications are listened to; none: nowhere.
    listen: Option<Arc<PgConnectOptions>>,
    store: Store,
    hub: Arc<Hub>,
    lanes: Lanes,
}

impl Workpool {
    pub(crate) fn assemble(
        db: PgPool,
        store: Store,
        listen: Option<Arc<PgConnectOptions>>,
    ) -> Self {
        let begin = store.is_pooled().then(|| BEGIN.into_sql_str());
        let link = Link::of_app(db.clone(), begin);
        Self {
            inner: Arc::new(Inner {
                db,
                link,
                listen,
                store,
                hub: Arc::new(Hub::default()),
                lanes: Lanes::default(),
            }),
        }
    }

    /// The pool of connections that this handle uses.
    #[must_use]
    pub fn db(&self) -> &PgPool {
        &self.inner.db
    }

    /// The schema that holds the tables.
    #[must_use]
    pub fn schema(&self) -> &str {
        self.store().schema()
    }

    pub(crate) fn store(&self) -> &Store {
        &self.inner.store
    }

    /// Asks the database for a sign of life.
    #[cfg(feature = "health")]
    pub(crate) async fn ping(&self) -> Result<()> {
        use sqlx::Connection;
        self.run(async |conn| Ok(conn.ping().await?)).await
    }

    pub(crate) fn hub(&self) -> &Arc<Hub> {
        &self.inner.hub
    }

    pub(crate) fn lanes(&self) -> &Lanes {
        &self.inner.lanes
    }

    pub(crate) fn link(&self) -> &Link {
        &self.inner.link
    }

    /// Runs one operation on a connection of the handle.
    pub(crate) async fn run<T>(
        &self,
        operation: impl AsyncFnOnce(&mut PgConnection) -> Result<T>,
    ) -> Result<T> {
        let answer = self.inner.link.run(operation).await;
        answer.inspect_err(meter::refused)
    }

    /// Runs a transaction of ours, and again when it conflicts with others. In a task of its own: a
    /// future that is dropped inside a transaction would leave its connection there.
    pub(crate) async fn transact<T: Send + 'static>(
        &self,
        run: impl Fn(Self) -> BoxFuture<'static, Result<T>> + Send + 'static,
    ) -> Result<T> {
        const TRIES: u32 = 5;
        let this = self.clone();
        let task = async move {
            let mut tries = 1;
            loop {
                match run(this.clone()).await {
                    Err(Error::Database(error)) if tries < TRIES && conflicts(&error) => {
                        let pause = rand::random_range(5..=20 << tries);
                        tokio::time::sleep(Duration::from_millis(pause)).await;
                        tries += 1;
                    }
                    answer => return answer,
                }
            }
        };
        tokio::spawn(task).await.expect("statements of ours do not panic")
    }

    /// Makes sure that notifications of the database reach the hub.
    pub(crate) fn listen(&self) {
        if let Some(options) = &self.inner.listen {
            self.hub().listen(options, self.store());
        }
    }
}

impl fmt::Debug for Workpool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workpool").field("schema", &self.schema()).finish_non_exhaustive()
    }
}
