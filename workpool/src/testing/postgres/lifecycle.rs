//! Starting, stopping and restarting private clusters, for tests of what happens then.
//!
//! Not for servers that a variable names: others may be using those.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::server::Server;
use super::{Postgres, PostgresError, PostgresOptions, Source, answers};

/// A server that says it is ready and accepts no connection for so long has failed.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// How [`Postgres::stop`] ends a private server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stop {
    /// Rolls back and disconnects everyone, and writes everything down.
    Fast,
    /// Writes nothing down, as in a crash: the next start recovers. Without
    /// [`durable`](PostgresOptions::durable) the last commits are lost.
    Immediate,
}

impl Postgres {
    /// A private server with the usual [`PostgresOptions`], whatever the variables say.
    ///
    /// # Errors
    ///
    /// No server is installed, or it does not start; the message ends with the end of its log.
    pub async fn start() -> Result<Self, PostgresError> {
        Self::start_with(PostgresOptions::new()).await
    }

    /// A private server, set up as asked, whatever the variables say.
    ///
    /// # Errors
    ///
    /// As for [`start`](Self::start).
    ///
    /// # Cancel safety
    ///
    /// A start that is no longer awaited is finished in the background and undone.
    pub async fn start_with(options: PostgresOptions) -> Result<Self, PostgresError> {
        let server = blocking(move || Server::create(&options)).await?;
        let postgres = Self { source: Source::Private(Arc::new(server)) };
        postgres.ready().await?;
        Ok(postgres)
    }

    /// Stops the server and keeps its data. One that is not running is left so.
    ///
    /// # Errors
    ///
    /// The server is not private, or its supervisor is gone.
    pub async fn stop(&self, how: Stop) -> Result<(), PostgresError> {
        let server = self.private("stopped")?;
        blocking(move || server.stop(how)).await
    }

    /// Starts the server again, at the same address. One that is running is left so.
    ///
    /// # Errors
    ///
    /// The server is not private, or does not start.
    pub async fn start_again(&self) -> Result<(), PostgresError> {
        let server = self.private("started")?;
        blocking(move || server.start()).await?;
        self.ready().await
    }

    /// Stops the server, as in [`stop`](Self::stop), and starts it again at the same address.
    ///
    /// # Errors
    ///
    /// The server is not private, or does not start.
    pub async fn restart(&self, how: Stop) -> Result<(), PostgresError> {
        self.stop(how).await?;
        self.start_again().await
    }

    /// Where a private server keeps its data.
    #[must_use]
    pub fn data_dir(&self) -> Option<PathBuf> {
        self.private("asked").ok().map(|server| server.data_dir())
    }

    /// What a private server writes its log to. It is removed with the server.
    #[must_use]
    pub fn log_file(&self) -> Option<PathBuf> {
        self.private("asked").ok().map(|server| server.log_file())
    }

    fn private(&self, what: &'static str) -> Result<Arc<Server>, PostgresError> {
        match &self.source {
            Source::Private(server) => Ok(Arc::clone(server)),
            Source::Named { .. } => Err(PostgresError::NotPrivate { what }),
        }
    }

    /// Returns once a connection succeeds.
    async fn ready(&self) -> Result<(), PostgresError> {
        // Not tokio's clock, which a test may have stopped.
        let deadline = Instant::now() + READY_WITHIN;
        while let Err(error) = answers(&self.options()).await {
            if Instant::now() > deadline {
                let log = self.private("asked")?.end_of_log();
                return Err(PostgresError::Failed { step: "the start", log, source: Some(error) });
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }
}

/// Where a thread may wait. What was begun there is finished even when nobody awaits it any more.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(value) => value,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
