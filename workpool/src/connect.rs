//! Connecting: migrates the schema and seeds the pools that code declares.

use std::sync::Arc;

use serde::Serialize;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, PgPool};

use crate::error::{Error, Result};
use crate::handle::Workpool;
use crate::registry::Registry;
use crate::store::{PoolRow, Store, is_of_another_session};
use crate::telemetry;

/// How a [`Workpool`] is to be set up.
#[derive(Debug, Clone)]
#[must_use = "nothing is connected until `connect` or `attach` is called"]
pub struct Builder {
    schema: String,
    pooled: bool,
    listen_url: Option<String>,
    migrate: bool,
    deny_undeclared_pools: bool,
}

/// A step of the schema to its next version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Migration {
    /// The version that it leads to.
    pub version: i32,
    /// What it brings, in a word.
    pub name: &'static str,
    /// Its statements, the note that it was applied included.
    pub sql: String,
}

impl Migration {
    fn after(store: &Store, found: i32) -> Vec<Self> {
        let all = store.migrations_after(found).into_iter();
        all.map(|(version, name, sql)| Self { version, name, sql }).collect()
    }
}

/// Prepared statements that a connection keeps: what sqlx keeps by itself.
const STATEMENTS: usize = 100;

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
        Builder {
            schema: "workpool".into(),
            pooled: false,
            listen_url: None,
            migrate: true,
            deny_undeclared_pools: false,
        }
    }
}

impl Builder {
    /// The schema that holds the tables: `[a-z_][a-z0-9_]{0,47}`.
    pub fn schema(mut self, name: impl Into<String>) -> Self {
        self.schema = name.into();
        self
    }

    /// For connections through a pooler that gives out its servers a transaction at a time, such as
    /// PgBouncer with `pool_mode = transaction`. Then every statement runs unnamed, in an explicit
    /// transaction, and relies on nothing that a session would remember. It costs round trips: leave
    /// it off elsewhere. Without it, connecting through such a pooler is refused:
    /// [`Error::TransactionPooler`].
    ///
    /// Notifications do not pass such a pooler. Give a [`listen_url`](Self::listen_url), or have
    /// everything polled, which is as safe, and slower by the poll interval.
    ///
    /// The transactions of mutations begin with `DEALLOCATE ALL`, so that their own statements may
    /// have names. Other queries of the application are its own business.
    pub fn pooled(mut self, on: bool) -> Self {
        self.pooled = on;
        self
    }

    /// Where to listen for notifications: the same database, past the pooler. For
    /// [`pooled`](Self::pooled) mode.
    pub fn listen_url(mut self, url: impl Into<String>) -> Self {
        self.listen_url = Some(url.into());
        self
    }

    /// Whether to create or migrate the schema; if not, it must be there.
    pub fn migrate(mut self, on: bool) -> Self {
        self.migrate = on;
        self
    }

    /// The migrations that the schema in this database still needs, in order, without applying any:
    /// to look at, or to have somebody else apply them, each in a transaction of its own.
    ///
    /// # Errors
    ///
    /// [`Error::SchemaTooNew`](crate::Error::SchemaTooNew),
    /// [`Error::Database`](crate::Error::Database).
    pub async fn pending_migrations(&self, url: &str) -> Result<Vec<Migration>> {
        let store = Store::new(&self.schema, self.pooled)?;
        let options = url.parse::<PgConnectOptions>()?.extra_float_digits(None);
        let mut conn = options.connect().await?;
        let found = store.version(&mut conn).await?.unwrap_or(0);
        conn.close().await?;
        Ok(Migration::after(&store, found))
    }

    /// All migrations, as an empty database needs them.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`](crate::Error::InvalidConfig) for a schema of an odd name.
    pub fn migrations(&self) -> Result<Vec<Migration>> {
        Ok(Migration::after(&Store::new(&self.schema, self.pooled)?, 0))
    }

    /// Makes it an error when a function names a pool by a string that nothing declares.
    pub fn deny_undeclared_pools(mut self) -> Self {
        self.deny_undeclared_pools = true;
        self
    }

    /// Connects to a database.
    pub async fn connect(self, url: &str) -> Result<Workpool> {
        // Poolers refuse this start-up parameter, and PostgreSQL 12 and later do not need it.
        let options = url.parse::<PgConnectOptions>()?.extra_float_digits(None);
        let cache = if self.pooled { 0 } else { STATEMENTS };
        let options = options.statement_cache_capacity(cache);
        let db = PgPoolOptions::new().connect_with(options).await?;
        self.attach(db).await
    }

    /// Uses connections that the application has.
    pub async fn attach(self, db: PgPool) -> Result<Workpool> {
        let store = Store::new(&self.schema, self.pooled)?;
        let registry = Registry::collect(self.deny_undeclared_pools)?;
        let listen = match &self.listen_url {
            Some(url) => Some(Arc::new(url.parse()?)),
            None => (!self.pooled).then(|| db.connect_options()),
        };
        let workpool = Workpool::assemble(db, store, listen);
        // In a task of its own: a dropped migration would leave its transaction open.
        let run = {
            let workpool = workpool.clone();
            async move {
                let store = workpool.store();
                if !self.pooled && store.meets_pooler(workpool.db()).await? {
                    return Err(Error::TransactionPooler);
                }
                let pools = registry.pools();
                let seeded = async |conn: &mut PgConnection| {
                    if self.migrate {
                        store.migrate(conn).await?;
                    } else {
                        store.require_version(conn).await?;
                    }
                    // Who may not create pools can still work with those that are there.
                    let rows = store.pools(conn, None).await?;
                    if pools.iter().all(|pool| rows.iter().any(|row| row.name == pool.name)) {
                        return Ok(rows);
                    }
                    Ok(store.seed_pools(conn, &pools).await?)
                };
                let rows = workpool.run(seeded).await.map_err(|error| match error {
                    // Between other clients it can go unseen at first.
                    Error::Database(error) if !self.pooled && is_of_another_session(&error) => {
                        Error::TransactionPooler
                    }
                    error => error,
                })?;
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
