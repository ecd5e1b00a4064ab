//! The worker: the same program in another process.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use crate::line::Line;
use crate::roads::connect;
use clap::Args;
use tokio::io::AsyncReadExt;
use tokio::signal::unix::{SignalKind, signal};

/// What it is told.
#[derive(Debug, Args)]
pub(crate) struct Setup {
    #[arg(long)]
    url: String,
    /// Where to listen when the other leads through a pooler of transactions.
    #[arg(long)]
    listen: Option<String>,
    /// The socket of the witness.
    #[arg(long)]
    witness: PathBuf,
    #[arg(long)]
    lease_ms: u64,
    #[arg(long)]
    heartbeat_ms: u64,
    #[arg(long)]
    grace_ms: u64,
}

/// Runs until SIGTERM or the end of the input.
pub(crate) fn main(setup: Setup) -> ExitCode {
    workpool_tests::log_to_stderr();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("the system has room for threads");
    let Err(error) = runtime.block_on(run(setup));
    // Nobody reads it unless the run fails.
    let _ = writeln!(std::io::stderr(), "the worker did not start: {error:#}");
    ExitCode::FAILURE
}

async fn run(setup: Setup) -> anyhow::Result<std::convert::Infallible> {
    // Before anything else: a signal that comes early must not be lost.
    let mut terminate = signal(SignalKind::terminate())?;
    let start = async {
        let workpool = connect(&setup.url, setup.listen.as_deref()).await?;
        let line = Line::open(&setup.witness).await?;
        let worker = workpool
            .worker()
            .state(line)
            .lease(Duration::from_millis(setup.lease_ms))
            .heartbeat(Duration::from_millis(setup.heartbeat_ms))
            .shutdown_grace(Duration::from_millis(setup.grace_ms));
        anyhow::Ok(worker.start().await?)
    };
    let worker = start.await?;
    writeln!(std::io::stdout(), "ready")?;
    let mut input = tokio::io::stdin();
    let mut rest = Vec::new();
    tokio::select! {
        _ = terminate.recv() => {}
        _ = input.read_to_end(&mut rest) => {}
    }
    worker.shutdown().await;
    // The thread that reads the input may still be blocked: it must not hold up the end.
    std::process::exit(0);
}
