//! A private cluster: its directory, its configuration and its life.
//!
//! Everything here blocks; the module above calls it where that is allowed. It never connects: the
//! script knows from the server's own files when it is ready.

use std::fs::OpenOptions;
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use super::supervisor::{Step, Supervisor};
use super::{PostgresError, PostgresOptions, Stop, binaries, directory, url};

/// On a socket it is only part of a file's name, in a directory that holds one.
const USUAL_PORT: u16 = 5432;
/// How much of the log an error shows.
const LINES: usize = 20;

/// A cluster that lives as long as this value. Dropping it stops the server and removes all of it.
#[derive(Debug)]
pub(super) struct Server {
    directory: PathBuf,
    port: u16,
    tcp: bool,
    supervisor: Mutex<Supervisor>,
}

impl Server {
    pub(super) fn create(options: &PostgresOptions) -> Result<Self, PostgresError> {
        let bin = binaries::find()?;
        let (directory, account) = directory::create()?;
        let supervisor = Supervisor::spawn(&bin, &directory, account).map_err(|source| {
            std::fs::remove_dir(&directory).ok();
            PostgresError::io("run /bin/sh in", &directory, source)
        })?;
        let tcp = options.wants_tcp();
        let mut server =
            Self { directory, port: USUAL_PORT, tcp, supervisor: Mutex::new(supervisor) };
        server.run(Step::Init, "initdb")?;
        if tcp {
            server.port = free_port().map_err(|source| {
                PostgresError::io("find a free port of 127.0.0.1 with", &server.directory, source)
            })?;
        }
        server.configure(options)?;
        server.start()?;
        Ok(server)
    }

    pub(super) fn start(&self) -> Result<(), PostgresError> {
        self.run(Step::Start, "the start")
    }

    pub(super) fn stop(&self, how: Stop) -> Result<(), PostgresError> {
        let step = match how {
            Stop::Fast => Step::StopFast,
            Stop::Immediate => Step::StopImmediate,
        };
        self.run(step, "the stop")
    }

    pub(super) fn url(&self, database: &str) -> String {
        if self.tcp {
            url::of_port(self.port, database)
        } else {
            url::of_socket(&self.directory, self.port, database)
        }
    }

    pub(super) fn data_dir(&self) -> PathBuf {
        self.directory.join("data")
    }

    pub(super) fn log_file(&self) -> PathBuf {
        self.directory.join("server.log")
    }

    /// What an error shows of the log. It goes with the directory, so it must be read before.
    pub(super) fn end_of_log(&self) -> String {
        let log = std::fs::read(self.log_file()).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(LINES)..].join("\n")
    }

    fn configure(&self, options: &PostgresOptions) -> Result<(), PostgresError> {
        let path = self.data_dir().join("postgresql.conf");
        let text = options.configuration(&self.directory, self.port);
        OpenOptions::new()
            .append(true)
            .open(&path)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .map_err(|source| PostgresError::io("write", &path, source))
    }

    fn run(&self, step: Step, name: &'static str) -> Result<(), PostgresError> {
        // The guard of a thread that panicked protects nothing: steps are whole in the script.
        let done = self.supervisor.lock().unwrap_or_else(PoisonError::into_inner).run(step);
        if done {
            return Ok(());
        }
        Err(PostgresError::Failed { step: name, log: self.end_of_log(), source: None })
    }
}

/// Free now; should another program take it before the server does, the start fails.
fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
