//! A fresh database for each test: a copy of a template that is migrated once per process.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection};
use tokio::sync::OnceCell;

use super::postgres::{Postgres, PostgresError};
use crate::error::{Error, Result};
use crate::handle::Workpool;
use crate::store::for_database;

/// A database of its own for one test, with the tables of this crate in it.
///
/// On a private server it goes with the server. On a server that the environment names, databases
/// that earlier runs left behind are dropped after an hour.
#[derive(Debug)]
pub struct TestDatabase {
    workpool: Workpool,
    url: String,
}

/// Why there is no database for a test.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TestDatabaseError {
    /// There is no server: the message says what to install.
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    /// The server that the environment names does not let us make a database.
    #[error(
        "the user of WORKPOOL_DATABASE_URL or DATABASE_URL may not create databases; give it \
         CREATEDB, or unset the variable to use a private server"
    )]
    NotAllowed(#[source] sqlx::Error),
    /// The database could not be made or migrated.
    #[error(transparent)]
    Workpool(#[from] Error),
}

impl From<sqlx::Error> for TestDatabaseError {
    fn from(error: sqlx::Error) -> Self {
        let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
        if code.as_deref() == Some("42501") {
            return Self::NotAllowed(error);
        }
        Self::Workpool(error.into())
    }
}

/// The names of our databases begin with this and the second of their making.
const PREFIX: &str = "workpool_test_";
const KEPT: Duration = Duration::from_hours(1);

static TEMPLATE: OnceCell<String> = OnceCell::const_new();
static COPYING: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

impl TestDatabase {
    /// Makes one, on the server of this process, which is started if need be.
    ///
    /// # Errors
    ///
    /// When there is no PostgreSQL: the message says what to install.
    pub async fn create() -> Result<Self, TestDatabaseError> {
        let server = Postgres::shared().await?;
        let mut admin = server.options().connect().await?;
        let template = TEMPLATE.get_or_try_init(|| template(server, &mut admin)).await?;
        let name = new_name();
        // A template cannot be copied twice at once.
        let copying = COPYING.lock().await;
        sqlx::query(for_database(&name, Some(template))).execute(&mut admin).await?;
        drop(copying);
        admin.close().await?;
        let url = server.url_of(&name);
        Ok(Self { workpool: Workpool::connect(&url).await?, url })
    }

    /// A handle on it.
    #[must_use]
    pub const fn workpool(&self) -> &Workpool {
        &self.workpool
    }

    /// Its URL, for other processes.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}

fn new_name() -> String {
    let second = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    format!("{PREFIX}{second}_{:016x}", rand::random::<u64>())
}

async fn template(
    server: &Postgres,
    admin: &mut PgConnection,
) -> Result<String, TestDatabaseError> {
    if !server.is_private() {
        drop_old(admin).await?;
    }
    let name = new_name();
    sqlx::query(for_database(&name, Some("template1"))).execute(&mut *admin).await?;
    let options: PgConnectOptions = server.url_of(&name).parse()?;
    let mut conn = options.connect().await?;
    crate::store::Store::new("workpool", false)?.migrate(&mut conn).await?;
    conn.close().await?;
    Ok(name)
}

async fn drop_old(admin: &mut PgConnection) -> Result<()> {
    let all: Vec<String> =
        sqlx::query_scalar("SELECT datname::text FROM pg_database").fetch_all(&mut *admin).await?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let is_old = |name: &&String| {
        let second = name.strip_prefix(PREFIX).and_then(|rest| rest.split('_').next());
        let made = second.and_then(|second| second.parse().ok()).map(Duration::from_secs);
        made.is_some_and(|made| made + KEPT < now)
    };
    for name in all.iter().filter(is_old) {
        sqlx::query(for_database(name, None)).execute(&mut *admin).await?;
    }
    Ok(())
}
