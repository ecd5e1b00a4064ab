//! A worker process for the tests that kill, freeze and stop one.
//!
//! Arguments are `name=value`: `url`, `witness`, and what `Setup` names. It prints `ready` once it
//! is registered, and shuts down gracefully on SIGTERM or at the end of its input.
#![allow(missing_docs, reason = "nobody calls it")]

#[path = "../simulation/functions.rs"]
mod functions;

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use tokio::io::AsyncReadExt;
use tokio::signal::unix::{SignalKind, signal};
use workpool::Workpool;

use self::functions::Witness;

/// What it is told.
struct Setup {
    url: String,
    witness: PathBuf,
    lease: Duration,
    heartbeat: Duration,
    poll: Duration,
    grace: Duration,
    threads: usize,
    only: Vec<String>,
}

impl Setup {
    fn read(arguments: impl Iterator<Item = String>) -> anyhow::Result<Self> {
        let mut setup = Self {
            url: String::new(),
            witness: PathBuf::new(),
            lease: Duration::from_secs(1),
            heartbeat: Duration::from_millis(200),
            poll: Duration::from_millis(100),
            grace: Duration::from_secs(10),
            threads: 2,
            only: Vec::new(),
        };
        for argument in arguments {
            let (name, value) = argument.split_once('=').context("an argument without `=`")?;
            let ms = || value.parse().map(Duration::from_millis);
            match name {
                "url" => value.clone_into(&mut setup.url),
                "witness" => setup.witness = value.into(),
                "lease" => setup.lease = ms()?,
                "heartbeat" => setup.heartbeat = ms()?,
                "poll" => setup.poll = ms()?,
                "grace" => setup.grace = ms()?,
                "threads" => setup.threads = value.parse()?,
                "only" => setup.only.push(value.to_owned()),
                _ => anyhow::bail!("no such argument: {name}"),
            }
        }
        Ok(setup)
    }
}

fn main() -> anyhow::Result<()> {
    let setup = Setup::read(std::env::args().skip(1))?;
    workpool_tests::log_to_stderr();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(setup.threads)
        .enable_all()
        .build()?;
    runtime.block_on(run(setup))
}

async fn run(setup: Setup) -> anyhow::Result<()> {
    // Before anything else: a signal that comes early must not be lost.
    let mut terminate = signal(SignalKind::terminate())?;
    let workpool = Workpool::connect(&setup.url).await?;
    let mut worker = workpool
        .worker()
        .state(Witness::open(&setup.witness)?)
        .lease(setup.lease)
        .heartbeat(setup.heartbeat)
        .poll_interval(setup.poll)
        .shutdown_grace(setup.grace);
    if !setup.only.is_empty() {
        worker = worker.only_functions(setup.only);
    }
    let worker = worker.start().await?;
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
