//! PgBouncer in front of a test's server: a connection through it meets another server process with
//! each transaction. It ends with the test process, however that ends.

use std::process::{Child, Command, Stdio};

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection};
use tokio::sync::OnceCell;
use workpool::testing::{Postgres, TestDatabase};
use workpool::{Builder, Workpool};

use crate::{Scratch, eventually};

/// What it gives out to its clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A server for a transaction.
    Transaction,
    /// A server for as long as the client is connected.
    Session,
}

/// A running PgBouncer.
#[derive(Debug)]
pub struct Pooler {
    port: u16,
    _scratch: Scratch,
    supervisor: Child,
}

/// Ends it when the pipe that is its input breaks.
const SUPERVISOR: &str = r#"
"$@" & pid=$!
cat > /dev/null
kill -9 $pid
"#;

impl Pooler {
    /// Starts one, with so many servers for each database.
    ///
    /// # Panics
    ///
    /// When it is not installed: then what it would show is not shown.
    pub async fn start(server: &PgConnectOptions, mode: Mode, servers: u32) -> Self {
        let scratch = Scratch::new("pooler");
        let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let ini = scratch.path().join("pgbouncer.ini");
        std::fs::write(&ini, configuration(server, mode, servers, port)).unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", SUPERVISOR, "sh", "pgbouncer", "--quiet"]).arg(&ini);
        // It refuses to run as root, and then belongs to whom the server belongs.
        if std::fs::metadata("/proc/self")
            .is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
        {
            command.args(["--user", "postgres"]);
        }
        let log = std::fs::File::create(scratch.path().join("log")).unwrap();
        let supervisor = command
            .stdin(Stdio::piped())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let pooler = Self { port, supervisor, _scratch: scratch };
        let what = "PgBouncer answers: is the package `pgbouncer` installed?";
        eventually(what, async || pooler.answers().await).await;
        pooler
    }

    /// The one of this process, in transaction mode in front of the shared server.
    pub async fn shared() -> &'static Self {
        static SHARED: OnceCell<Pooler> = OnceCell::const_new();
        let start = async || {
            let server = Postgres::shared().await.unwrap_or_else(|error| panic!("{error}"));
            Self::start(&server.options(), Mode::Transaction, 60).await
        };
        SHARED.get_or_init(start).await
    }

    /// How to connect to a database through it.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// The port on which it listens.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    async fn answers(&self) -> bool {
        let options: PgConnectOptions = self.url("postgres").parse().unwrap();
        let connection: Result<PgConnection, _> = options.extra_float_digits(None).connect().await;
        match connection {
            Ok(connection) => connection.close().await.is_ok(),
            Err(_) => false,
        }
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        drop(self.supervisor.stdin.take());
        let _ = self.supervisor.wait();
    }
}

fn configuration(server: &PgConnectOptions, mode: Mode, servers: u32, port: u16) -> String {
    let socket = server.get_socket().map(|path| path.display().to_string());
    let host = socket.unwrap_or_else(|| server.get_host().to_owned());
    let mode = match mode {
        Mode::Transaction => "transaction",
        Mode::Session => "session",
    };
    format!(
        "[databases]\n* = host={host} port={} user={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
         listen_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = {mode}\n\
         default_pool_size = {servers}\nmax_client_conn = 2000\nserver_idle_timeout = 2\n",
        server.get_port(),
        server.get_username(),
    )
}

/// Whether the tests are to go through a pooler: when `WORKPOOL_TEST_POOLER` is set.
#[must_use]
pub fn is_wanted() -> bool {
    std::env::var_os("WORKPOOL_TEST_POOLER").is_some()
}

/// A handle through the pooler of this process on a test's database, and its URL.
///
/// # Panics
///
/// When it cannot connect.
pub async fn through(database: &TestDatabase) -> (Workpool, String) {
    let direct: PgConnectOptions = database.url().parse().unwrap();
    let url = Pooler::shared().await.url(direct.get_database().unwrap());
    (pooled(database.url()).connect(&url).await.unwrap(), url)
}

/// Pooled mode, with notifications past the pooler.
pub fn pooled(direct: &str) -> Builder {
    Workpool::builder().pooled(true).listen_url(direct)
}
