//! Random faults, drawn by a seed, on worker processes and on a server of the run's own, under load;
//! and an oracle that holds what came of it against every promise.
//!
//! `cargo run --release -p workpool-tests --bin chaos -- storm`. It prints a seed; `--seed` repeats
//! the load and the schedule of the faults, though not how the threads interleave.
#![allow(missing_docs, reason = "nobody calls it")]
#![allow(clippy::unwrap_used, reason = "a run that cannot go on has failed")]
#![expect(clippy::print_stdout, reason = "the timeline and the verdict")]

mod books;
mod clock;
mod feed;
mod fleet;
mod functions;
mod items;
mod lies;
mod line;
mod logs;
mod monitor;
mod oracle;
mod outside;
mod overlap;
mod recovery;
mod roads;
mod run;
mod scenarios;
mod standby;
mod timeline;
mod verdict;
mod worker;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use workpool_tests::Random;

/// Faults under load, and whether the promises held.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    scenario: Scenario,
}

#[derive(Debug, Subcommand)]
enum Scenario {
    /// Kills random workers.
    Storm(Options),
    /// Stops, crashes and cuts off the server.
    Database(Options),
    /// Freezes workers for longer than their lease.
    Zombies(Options),
    /// Changes limits and pauses pools.
    Limits(Options),
    /// Asks workers to stop.
    Shutdown(Options),
    /// Kills random workers, whose connections go through PgBouncer.
    Pooler(Options),
    /// Delays and resets connections, and swallows what is sent on them.
    Network(Options),
    /// Gives workers a wrong time of day, and has it jump.
    Clocks(Options),
    /// Promotes the standby, again and again.
    Failover(Options),
    #[command(hide = true)]
    Worker(worker::Setup),
}

/// What all scenarios have in common.
#[derive(Debug, Clone, Args)]
struct Options {
    /// Repeats the load and the schedule of an earlier run.
    #[arg(long)]
    seed: Option<u64>,
    /// At least so many work items.
    #[arg(long)]
    items: Option<usize>,
    /// So many faults.
    #[arg(long, visible_alias = "kills")]
    faults: Option<usize>,
    /// Instead: faults for so many minutes.
    #[arg(long)]
    minutes: Option<f64>,
    /// Worker processes.
    #[arg(long, default_value_t = 6)]
    workers: usize,
    /// The lease of a worker, in milliseconds; it is renewed four times as often.
    #[arg(long)]
    lease: Option<u64>,
    /// The limits of the pools, instead of those of the scenario: `256,128`.
    #[arg(long, value_delimiter = ',')]
    limits: Vec<u32>,
    /// How long attempts take at most, in milliseconds.
    #[arg(long)]
    takes: Option<u64>,
    /// So many items are kept waiting.
    #[arg(long)]
    backlog: Option<i64>,
    /// A factor for every bound on time and on lines of log, for busy machines.
    #[arg(long, default_value_t = 1.0)]
    slack: f64,
    /// Where to write what is worth keeping; a new folder for temporary files otherwise.
    #[arg(long)]
    folder: Option<PathBuf>,
}

impl Options {
    fn lease(&self) -> Duration {
        Duration::from_millis(self.lease.unwrap_or(2000))
    }

    fn seed(&self) -> u64 {
        self.seed.unwrap_or_else(Random::fresh)
    }

    /// Whether there is another fault after so many, the last of them at that time.
    fn goes_on(&self, faults: usize, usual: usize, at: Duration) -> bool {
        match self.minutes {
            Some(minutes) => at.as_secs_f64() < minutes * 60.0,
            None => faults < self.faults.unwrap_or(usual),
        }
    }

    /// Another bound, on this machine.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "small"
    )]
    fn scaled(&self, bound: usize) -> usize {
        (bound as f64 * self.slack) as usize
    }

    /// A bound on time, on this machine.
    fn bound(&self, bound: Duration) -> Duration {
        bound.mul_f64(self.slack)
    }
}

fn main() -> ExitCode {
    let scenario = Arguments::parse().scenario;
    if let Scenario::Worker(setup) = scenario {
        return worker::main(setup);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("the system has room for threads");
    let holds = runtime.block_on(async {
        match scenario {
            Scenario::Storm(options) => scenarios::storm::run(&options, options.seed()).await,
            Scenario::Database(options) => scenarios::database::run(&options, options.seed()).await,
            Scenario::Zombies(options) => scenarios::zombies::run(&options, options.seed()).await,
            Scenario::Limits(options) => scenarios::limits::run(&options, options.seed()).await,
            Scenario::Shutdown(options) => scenarios::shutdown::run(&options, options.seed()).await,
            Scenario::Pooler(options) => scenarios::pooler::run(&options, options.seed()).await,
            Scenario::Network(options) => scenarios::network::run(&options, options.seed()).await,
            Scenario::Clocks(options) => scenarios::clocks::run(&options, options.seed()).await,
            Scenario::Failover(options) => scenarios::failover::run(&options, options.seed()).await,
            Scenario::Worker(_) => unreachable!("that one has returned"),
        }
    });
    let holds = holds.unwrap_or_else(|error| {
        println!("there was no verdict: {error:#}");
        false
    });
    if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
