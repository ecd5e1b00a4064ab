//! A PostgreSQL server for tests and examples, with nothing to set up.
//!
//! A variable may name a server. Otherwise the programs installed on this machine make a private
//! one that nobody else can see and that ends with the process, however that ends. It installs and
//! downloads nothing, and never stops a server that it did not start.

#[cfg(unix)]
mod account;
#[cfg(unix)]
mod binaries;
#[cfg(unix)]
mod directory;
#[cfg_attr(not(unix), allow(dead_code, reason = "only private servers need all of it"))]
mod error;
#[cfg(unix)]
mod lifecycle;
#[cfg(unix)]
mod options;
#[cfg(unix)]
mod server;
#[cfg(unix)]
mod supervisor;
#[cfg_attr(not(unix), allow(dead_code, reason = "only private servers need all of it"))]
mod url;

use std::fmt;
#[cfg(unix)]
use std::sync::Arc;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection};
use tokio::sync::OnceCell;

pub use self::error::PostgresError;
#[cfg(unix)]
pub use self::lifecycle::Stop;
#[cfg(unix)]
pub use self::options::PostgresOptions;

/// In order of preference.
const VARIABLES: [&str; 2] = ["WORKPOOL_DATABASE_URL", "DATABASE_URL"];

/// A PostgreSQL server: one that a variable names, or a private one made from installed programs.
///
/// A private server lives in a temporary directory, listens on a Unix socket in it, and is not
/// durable unless asked to be. Dropping the value stops it and removes the directory; this blocks
/// for the fraction of a second that it takes. When the process ends without dropping it, even by
/// `kill -9`, a supervising shell does the same.
///
/// ```
/// use sqlx::Connection;
/// use workpool::testing::Postgres;
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let postgres = Postgres::resolve().await?;
/// let mut connection = sqlx::PgConnection::connect(&postgres.url()).await?;
/// let one: i32 = sqlx::query_scalar("SELECT 1").fetch_one(&mut connection).await?;
/// assert_eq!(one, 1);
/// # Ok(())
/// # }
/// ```
pub struct Postgres {
    source: Source,
}

enum Source {
    Named {
        variable: &'static str,
        url: String,
    },
    #[cfg(unix)]
    Private(Arc<server::Server>),
}

impl Postgres {
    /// The server named in `WORKPOOL_DATABASE_URL`, else in `DATABASE_URL`, else a private one.
    /// Empty variables count as absent.
    ///
    /// # Errors
    ///
    /// The variable is no URL, its server cannot be reached, or no private one can be made; when
    /// none is installed, the message has the commands that install one.
    pub async fn resolve() -> Result<Self, PostgresError> {
        for variable in VARIABLES {
            if let Some(url) = std::env::var(variable).ok().filter(|url| !url.is_empty()) {
                return Self::named(variable, url).await;
            }
        }
        #[cfg(unix)]
        return Self::start().await;
        #[cfg(not(unix))]
        Err(PostgresError::NotInstalled)
    }

    /// The server of this process, [resolved](Self::resolve) at the first call. A private one is
    /// stopped when the process ends; a failure is not kept, the next call tries again.
    ///
    /// # Errors
    ///
    /// As for [`resolve`](Self::resolve).
    pub async fn shared() -> Result<&'static Self, PostgresError> {
        static SHARED: OnceCell<Postgres> = OnceCell::const_new();
        SHARED.get_or_try_init(Self::resolve).await
    }

    /// How to connect to it. A private server's user is its superuser `postgres` and the database
    /// is the one of that name, meant for making others.
    #[must_use]
    pub fn options(&self) -> PgConnectOptions {
        self.url().parse().expect("the URL was parsed or written by us")
    }

    /// The same as a URL, for `Workpool::connect`, sqlx and `psql`. It may hold a password.
    #[must_use]
    pub fn url(&self) -> String {
        match &self.source {
            Source::Named { url, .. } => url.clone(),
            #[cfg(unix)]
            Source::Private(server) => server.url("postgres"),
        }
    }

    /// The URL of another database of this server, which need not exist yet.
    #[must_use]
    pub fn url_of(&self, database: &str) -> String {
        match &self.source {
            Source::Named { url, .. } => url::with_database(url, database),
            #[cfg(unix)]
            Source::Private(server) => server.url(database),
        }
    }

    /// Whether the server is our own: nobody else uses it, and it ends with us.
    #[must_use]
    pub fn is_private(&self) -> bool {
        !matches!(self.source, Source::Named { .. })
    }

    async fn named(variable: &'static str, url: String) -> Result<Self, PostgresError> {
        if !url::is_postgres(&url) {
            return Err(PostgresError::InvalidUrl { variable, source: None });
        }
        let options: PgConnectOptions = url
            .parse()
            .map_err(|source| PostgresError::InvalidUrl { variable, source: Some(source) })?;
        // A wrong variable is told here, and not by whatever uses the server first.
        answers(&options)
            .await
            .map_err(|source| PostgresError::Unreachable { variable, source })?;
        Ok(Self { source: Source::Named { variable, url } })
    }
}

async fn answers(options: &PgConnectOptions) -> Result<(), sqlx::Error> {
    let connection: PgConnection = options.connect().await?;
    connection.close().await
}

/// Without the URL, which may hold a password.
impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Source::Named { variable, .. } => {
                f.debug_struct("Postgres").field("named_by", variable).finish_non_exhaustive()
            }
            #[cfg(unix)]
            Source::Private(server) => {
                f.debug_struct("Postgres").field("data_dir", &server.data_dir()).finish()
            }
        }
    }
}
