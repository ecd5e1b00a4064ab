//! Where a trial takes place: a database of its own, reached directly and through a proxy.

use std::time::Duration;

use crate::data::Told;
use crate::functions::Entries;
use tokio::sync::OnceCell;
use tokio::time::{Instant, sleep};
use workpool::sqlx::postgres::PgPoolOptions;
use workpool::sqlx::{self, AssertSqlSafe, PgPool};
use workpool::testing::{Postgres, PostgresOptions};
use workpool::{WorkerBuilder, Workpool};

use workpool_tests::{Fault, Loses, Proxy};

/// One database.
#[derive(Debug)]
pub(crate) struct Place {
    /// A handle that nothing disturbs.
    pub(crate) near: Workpool,
    pub(crate) url: String,
}

/// The server of this process.
async fn server() -> &'static Postgres {
    static SERVER: OnceCell<Postgres> = OnceCell::const_new();
    let options = PostgresOptions::new()
        .tcp(true)
        .setting("max_connections", "400")
        .setting("deadlock_timeout", "200ms");
    SERVER.get_or_try_init(|| Postgres::start_with(options)).await.unwrap()
}

/// The URL of a new and empty database.
pub(crate) async fn empty() -> String {
    let server = server().await;
    let name = format!("trial_{}", uuid::Uuid::now_v7().simple());
    let admin = PgPool::connect_with(server.options()).await.unwrap();
    let create = AssertSqlSafe(format!("CREATE DATABASE {name}"));
    sqlx::query(create).execute(&admin).await.unwrap();
    admin.close().await;
    server.url_of(&name)
}

impl Place {
    pub(crate) async fn new() -> Self {
        let url = empty().await;
        Self { near: Workpool::connect(&url).await.unwrap(), url }
    }

    /// Another handle, as of another process, with so many connections.
    pub(crate) async fn handle(&self, connections: u32) -> Workpool {
        handle(&self.url, connections).await
    }

    /// Runs statements.
    pub(crate) async fn execute(&self, sql: &str) {
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(self.near.db()).await.unwrap();
    }

    /// The only value of the only row.
    pub(crate) async fn count(&self, sql: &str) -> i64 {
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(self.near.db()).await.unwrap()
    }

    /// Waits until this counts zero; says whether it did in time.
    pub(crate) async fn until_none(&self, sql: &str, limit: Duration) -> bool {
        let begun = Instant::now();
        while self.count(sql).await != 0 {
            if begun.elapsed() > limit {
                return false;
            }
            sleep(Duration::from_millis(20)).await;
        }
        true
    }

    /// Waits until no work and no callback is left; says whether it was so in time.
    pub(crate) async fn quiet(&self, limit: Duration) -> bool {
        const LEFT: &str = "SELECT (SELECT count(*) FROM workpool.work)
            + (SELECT count(*) FROM workpool.callbacks)";
        self.until_none(LEFT, limit).await
    }

    /// The text of a statement of the store.
    pub(crate) fn sql(&self, name: &str) -> String {
        let all = workpool::testing::statements(&self.near);
        let found = all.into_iter().find(|(file, _)| *file == name);
        found.unwrap_or_else(|| panic!("no statement {name}")).1.as_str().to_owned()
    }

    /// A fault of the statement of the store that has this name, or else of the one with this text.
    pub(crate) fn fault(&self, loses: Loses, name: &str) -> Fault {
        let plain = name.starts_with(|first: char| first.is_ascii_uppercase());
        Fault::new(loses, if plain { name.to_owned() } else { self.sql(name) })
    }

    /// A proxy in front of the server, and the URL of the database behind it.
    pub(crate) async fn proxy(&self) -> (Proxy, String) {
        let port = server().await.options().get_port();
        let proxy = Proxy::to(port).await;
        let url = self.url.replace(&format!(":{port}/"), &format!(":{}/", proxy.port()));
        (proxy, url)
    }
}

/// A handle with so many connections.
pub(crate) async fn handle(url: &str, connections: u32) -> Workpool {
    let options = PgPoolOptions::new().max_connections(connections);
    let db = options.acquire_timeout(Duration::from_mins(1)).connect(url).await.unwrap();
    Workpool::attach(db).await.unwrap()
}

/// A worker with short times, but a lease that no recovery can hide behind.
pub(crate) fn quick(workpool: &Workpool) -> WorkerBuilder {
    workpool
        .worker()
        .state(Entries::default())
        .state(Told::default())
        .lease(Duration::from_mins(1))
        .heartbeat(Duration::from_millis(200))
        .poll_interval(Duration::from_millis(100))
}
