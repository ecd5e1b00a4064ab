//! The database that load is put on, and what is written down there between two runs.

use anyhow::{Context, Result};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use sqlx::{Connection, Executor};
use workpool::testing::{Postgres, PostgresOptions};
use workpool::{Pool, Workpool};

use crate::options::Options;

/// A handle, and a connection beside it for looking on.
pub(crate) struct Place {
    pub(crate) workpool: Workpool,
    pub(crate) observer: PgConnection,
    pub(crate) url: String,
    /// Runs for as long as it is kept.
    _server: Option<Postgres>,
}

/// What the mutations write; what waits for a worker; what each worker process has run of it.
const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS load_rows (n bigint NOT NULL);
    CREATE TABLE IF NOT EXISTS load_fill (config text NOT NULL, pools bigint NOT NULL, items bigint NOT NULL);
    CREATE TABLE IF NOT EXISTS load_runs (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, executed bigint, numbers numeric
    )";

/// Held while tables are made or filled, because two workers may start at once.
const LOCK: &str = "SELECT pg_advisory_lock(7305808869229538656)";
const UNLOCK: &str = "SELECT pg_advisory_unlock(7305808869229538656)";

impl Place {
    pub(crate) async fn open(options: &Options) -> Result<Self> {
        let (server, url) = match &options.db {
            Some(url) => (None, url.clone()),
            None => private().await?,
        };
        let connect: PgConnectOptions = url.parse()?;
        // A connection is tested when it is given back, which is enough.
        let db = PgPoolOptions::new().max_connections(options.pool).test_before_acquire(false);
        let db = db.connect_with(connect.clone()).await.context("cannot connect")?;
        let workpool = Workpool::attach(db).await?;
        let observer = PgConnection::connect_with(&connect).await?;
        let mut place = Self { workpool, observer, url, _server: server };
        place.lock().await?;
        place.observer.execute(TABLES).await?;
        place.unlock().await?;
        Ok(place)
    }

    pub(crate) async fn lock(&mut self) -> Result<()> {
        self.observer.execute(LOCK).await?;
        Ok(())
    }

    pub(crate) async fn unlock(&mut self) -> Result<()> {
        self.observer.execute(UNLOCK).await?;
        Ok(())
    }

    /// Has the pools there, with this limit.
    pub(crate) async fn make_pools(&self, options: &Options) -> Result<()> {
        let there = self.workpool.pools().await?;
        for name in options.pool_names() {
            if there.contains(&name) {
                self.workpool.pool(&name).set_max_parallelism(options.conc).await?;
            } else {
                let pool = Pool::new(&name).max_parallelism(options.conc);
                self.workpool.create_pool(pool).await?;
            }
        }
        Ok(())
    }

    /// Lets the planner know its tables and the disk rest, so that each run begins alike.
    pub(crate) async fn settle(&mut self) -> Result<()> {
        self.observer.execute("VACUUM ANALYZE").await?;
        // Not everyone may do that, and it only makes runs more alike.
        let _ = self.observer.execute("CHECKPOINT").await;
        Ok(())
    }
}

/// A server of our own, with what one would set on a real one of that size.
async fn private() -> Result<(Option<Postgres>, String)> {
    let options = PostgresOptions::new().durable(true).setting("shared_buffers", "1GB");
    let server = Postgres::start_with(options).await?;
    let url = server.url();
    Ok((Some(server), url))
}
