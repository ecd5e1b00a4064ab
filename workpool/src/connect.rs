//! Connecting: migrates the schema and seeds the pools that code declares.

use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;

use crate::error::Result;
use crate::handle::Workpool;
use crate::registry::Registry;
use crate::store::{PoolRow, Store};
use crate::telemetry;

/// How a [`Workpool`] is to be set up.
#[derive(Debug, Clone)]
#[must_use = "nothing is connected until `connect` or `attach` is called"]
pub struct Builder {
    schema: String,
    migrate: bool,
    deny_undeclared_pools: bool,
}

impl Workpool {
    /// Connects with the defaults: schema `workpool`, which is created or migrated, under a lock,
    /// so that any number of processes may start at once.
    ///
    /// # Errors
    ///
    /// [`Error::Registry`](crate::Error::Registry) when the functions and pools of this program
    /// contradict each other, [`Error::SchemaTooNew`](crate::Error::SchemaTooNew),
    /// [`Error::Database`](crate::Error::Database).
    pub async fn connect(url: &str) -> Result<Self> {
        Self::builder().connect(url).await
    }

    /// Uses connections that the application has, with the defaults.
    pub async fn attach(db: PgPool) -> Result<Self> {
        Self::builder().attach(db).await
    }

    /// Everything else that can be set up.
    pub fn builder() -> Builder {
        Builder { schema: "workpool".into(), migrate: true, deny_undeclared_pools: false }
    }
}

impl Builder {
    /// The schema that holds the tables: `[a-z_][a-z0-9_]{0,47}`.
    pub fn schema(mut self, name: impl Into<String>) -> Self {
        self.schema = name.into();
        self
    }

    /// Whether to create or migrate the schema; if not, it must be there.
    pub fn migrate(mut self, on: bool) -> Self {
        self.migrate = on;
        self
    }

    /// Makes it an error when a function names a pool by a string that nothing declares.
    pub fn deny_undeclared_pools(mut self) -> Self {
        self.deny_undeclared_pools = true;
        self
    }

    /// Connects to a database.
    pub async fn connect(self, url: &str) -> Result<Workpool> {
        let db = PgPoolOptions::new().connect(url).await?;
        self.attach(db).await
    }

    /// Uses connections that the application has.
    pub async fn attach(self, db: PgPool) -> Result<Workpool> {
        let store = Store::new(&self.schema)?;
        let registry = Registry::collect(self.deny_undeclared_pools)?;
        let workpool = Workpool::assemble(db, store);
        // In a task of its own: a dropped migration would leave its transaction open.
        let run = {
            let workpool = workpool.clone();
            async move {
                let mut conn = workpool.db().acquire().await?;
                if self.migrate {
                    workpool.store().migrate(&mut conn).await?;
                } else {
                    workpool.store().require_version(&mut conn).await?;
                }
                let pools = registry.pools();
                let rows = workpool.store().seed_pools(&mut conn, &pools).await?;
                point_out_differences(&rows, &registry);
                Ok(())
            }
        };
        tokio::spawn(run).await.expect("migrations do not panic").map(|()| workpool)
    }
}

/// The database rules; a value in code that differs is worth a line, once.
fn point_out_differences(rows: &[PoolRow], registry: &Registry) {
    for pool in registry.pools() {
        let Some(row) = rows.iter().find(|row| row.name == pool.name) else { continue };
        if row.max_parallelism != i64::from(pool.max_parallelism) {
            let (there, here) = (row.max_parallelism, pool.max_parallelism);
            let what = format!("max_parallelism is {there} in the database, {here} in code");
            telemetry::pool_differs(pool.name, &what);
        }
        if row.retry_actions_by_default != pool.retry_actions_by_default {
            let there = row.retry_actions_by_default;
            let what = format!("retry_actions_by_default is {there} in the database");
            telemetry::pool_differs(pool.name, &what);
        }
    }
}
