//! Trials of one promise each, at full size: `cargo run --release -p workpool-tests --bin trials --
//! NAME`. Prints the seed at first and one line of JSON at the end; fails when a promise was broken.
#![allow(missing_docs, reason = "nobody calls it")]
#![allow(clippy::unwrap_used, reason = "a trial that cannot go on has failed")]
#![allow(clippy::print_stdout, reason = "the seed and the report")]

mod backlog;
mod claims;
mod commits;
mod data;
mod deploys;
mod dropped;
mod fairness;
mod functions;
mod horizon;
mod locks;
mod notify;
mod place;
mod report;

use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Parser, ValueEnum};
use workpool::Workpool;

use self::report::{Report, Setup};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Trial {
    /// Cuts before and after every commit of the API and of a worker.
    Commits,
    /// Enqueueing with and without notifications, deaf listeners, a full queue.
    Notify,
    /// A queue of notifications that is really full: 8 GB on the disk.
    NotifyFull,
    /// Futures of the API that are dropped half-way.
    Futures,
    /// Data at the edges, and generated data.
    Data,
    /// Statements on the same items in opposite orders.
    Locks,
    /// A flooded pool beside small ones.
    Fairness,
    /// Ten million items that wait.
    Backlog,
    /// A snapshot that is held for minutes.
    Horizon,
    /// Programs of different versions, and many first starts at once.
    Deploys,
    /// Connects once and ends: what `deploys` starts many of.
    Connect,
}

/// One trial, and how much of it.
#[derive(Debug, Parser)]
struct Arguments {
    trial: Trial,
    /// Draws everything that is drawn; from the clock unless given.
    #[arg(long)]
    seed: Option<u64>,
    /// 1 is the full size.
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// Where to connect; for `connect` only.
    #[arg(long)]
    url: Option<String>,
}

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.trial == Trial::Connect {
        return connect(arguments.url.as_deref().unwrap_or_default()).await;
    }
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let seed = arguments.seed.unwrap_or(u64::from(clock.subsec_nanos()) ^ clock.as_secs());
    let value = arguments.trial.to_possible_value().expect("no trial is skipped");
    let name = value.get_name();
    println!("{name}: seed {seed}");
    let program = std::env::current_exe().unwrap();
    let setup = Setup { seed, scale: arguments.scale, strict: true, program };
    let report = match arguments.trial {
        Trial::Commits => commits::run(&setup).await,
        Trial::Notify => notify::run(&setup).await,
        Trial::NotifyFull => notify::run_full().await,
        Trial::Futures => dropped::run(&setup).await,
        Trial::Data => data::run(&setup).await,
        Trial::Locks => locks::run(&setup).await,
        Trial::Fairness => fairness::run(&setup).await,
        Trial::Backlog => backlog::run(&setup).await,
        Trial::Horizon => horizon::run(&setup).await,
        Trial::Deploys => deploys::run(&setup).await,
        Trial::Connect => Report::default(),
    };
    report.conclude(name, &setup)
}

/// One process that starts, and ends at once.
async fn connect(url: &str) -> ExitCode {
    match Workpool::connect(url).await {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}
