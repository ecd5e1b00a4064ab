//! The command line.

use clap::{ArgAction, Parser, ValueEnum};

/// Puts load on workpool and measures it.
#[derive(Debug, Clone, Parser)]
#[command(about, max_term_width = 100)]
pub(crate) struct Options {
    /// What to do.
    pub(crate) command: Command,
    /// URL of the database to use; without it, a private PostgreSQL is started.
    #[arg(long)]
    pub(crate) db: Option<String>,
    /// What each item is and what is kept of it.
    #[arg(long, default_value = "default")]
    pub(crate) config: Config,
    /// How many items.
    #[arg(long, default_value_t = 10_000)]
    pub(crate) n: i64,
    /// How many tasks enqueue at the same time.
    #[arg(long, default_value_t = 1)]
    pub(crate) tasks: u32,
    /// `max_parallelism` of each pool; for `hand`, how many connections.
    #[arg(long, default_value_t = 100)]
    pub(crate) conc: u32,
    /// Connections of the handle.
    #[arg(long, default_value_t = 20)]
    pub(crate) pool: u32,
    /// How many items one call of `enqueue_batch` takes.
    #[arg(long, default_value_t = 5000)]
    pub(crate) chunk: i64,
    /// Over how many pools the items are spread; for `idle`, how many pools there are.
    #[arg(long, default_value_t = 1)]
    pub(crate) pools: u32,
    /// `latency`: the time between two enqueues.
    #[arg(long, default_value_t = 20)]
    pub(crate) every_ms: u64,
    /// After how long a run is given up.
    #[arg(long, default_value_t = 170)]
    pub(crate) limit_s: u64,
    /// `latency`: run the items in another process than the one that enqueues.
    #[arg(long, action = ArgAction::Set, default_value_t = false)]
    pub(crate) remote: bool,
    /// `enqueue-one`: have a worker of another process listen meanwhile, whose slots are all taken.
    #[arg(long, action = ArgAction::Set, default_value_t = false)]
    pub(crate) busy: bool,
    /// `fill`: what to fill the tables with.
    #[arg(long, default_value = "finished")]
    pub(crate) what: Filler,
    /// `idle`: how long to look.
    #[arg(long, default_value_t = 20)]
    pub(crate) secs: u64,
    /// Transactions of mutations at once in a worker; by default as many as may run.
    #[arg(long)]
    pub(crate) transactions: Option<u32>,
    /// Callbacks at once in a worker; by default what a worker has by default.
    #[arg(long)]
    pub(crate) callbacks: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Command {
    /// Makes the tables.
    Setup,
    /// Enqueues one by one, each in a transaction of its own.
    EnqueueOne,
    /// Enqueues with `enqueue_batch`.
    EnqueueBatch,
    /// Enqueues what a `worker` is then to run.
    Prefill,
    /// Writes rows that no worker takes now, straight into the tables.
    Fill,
    /// Runs all that waits, or fills the pool first when nothing was.
    Worker,
    /// Enqueues to an idle worker now and then: from the call to the start of the function.
    Latency,
    /// The effects and row changes of `--config mutation` without workpool: transactions written by hand.
    Hand,
    /// A worker with nothing to do: statements and processor time.
    Idle,
    /// Enqueues and runs `n` items, whatever else waits.
    Waiting,
    #[value(hide = true)]
    Serve,
    #[value(hide = true)]
    Occupy,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Config {
    /// An action that only counts; its status and result are kept for a day.
    Default,
    /// The same, and nothing is kept.
    Lean,
    /// A mutation that inserts one row of its own.
    Mutation,
    /// The action, with a callback.
    Callback,
}

impl Config {
    /// Whether the end of an item is kept.
    pub(crate) const fn keeps(self) -> bool {
        !matches!(self, Self::Lean)
    }

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Lean => "lean",
            Self::Mutation => "mutation",
            Self::Callback => "callback",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Filler {
    /// Ended items, kept for a day.
    Finished,
    /// Items that are due in a year.
    Scheduled,
    /// Items that have been due for an hour.
    Waiting,
}

impl Options {
    /// The names of the pools that items go to.
    pub(crate) fn pool_names(&self) -> Vec<String> {
        match self.pools {
            0 | 1 => vec!["load".to_owned()],
            many => (0..many).map(|number| format!("load-{number}")).collect(),
        }
    }
}
