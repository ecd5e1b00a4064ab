//! What can be said on the command line.

use std::net::SocketAddr;
use std::time::Duration;

use clap::{Args as Group, Parser, Subcommand};
use clap_complete::Shell;
use uuid::Uuid;
use workpool::inspect::{CallbackState, Cursor, WorkFilter, WorkState};

/// Sees and steers the work of workpool in a PostgreSQL database
#[derive(Debug, Parser)]
#[command(name = "workpool", version, after_help = crate::exit::CODES)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) to: To,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Which database, as whom, and how to answer.
#[derive(Debug, Group)]
pub(crate) struct To {
    /// Where the database is: `postgres://user@host/name`
    #[arg(long, global = true, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub(crate) database_url: Option<String>,
    /// The schema that holds the tables
    #[arg(
        long,
        global = true,
        env = "WORKPOOL_SCHEMA",
        default_value = "workpool",
        value_name = "NAME"
    )]
    pub(crate) schema: String,
    /// The connection leads through a pooler in transaction mode
    #[arg(long, global = true)]
    pub(crate) pooled: bool,
    /// Who acts, for the record of actions
    #[arg(long, global = true, env = "USER", hide_env_values = true, value_name = "NAME")]
    pub(crate) actor: Option<String>,
    /// Answer in JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Do not ask before something is canceled, retried in bulk or forgotten
    #[arg(long, short, global = true)]
    pub(crate) yes: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Create the schema, or bring it up to the version of this program
    Migrate(Migrate),
    /// In short: what is wrong, if anything
    Status,
    /// All pools: how much waits and runs, what ended, and what is wrong; or one in full
    Pools {
        /// Only this one
        pool: Option<String>,
    },
    /// Let nothing of a pool start; what runs goes on
    Pause {
        /// The pool
        pool: String,
    },
    /// Let a paused pool go on
    Resume {
        /// The pool
        pool: String,
    },
    /// Set how many items of a pool may run at once, over all processes
    Scale {
        /// The pool
        pool: String,
        /// The limit; 0: nothing starts
        limit: u32,
    },
    /// List work items, a page at a time
    Work(List),
    /// Failures that look alike, the most frequent first
    Failures(Failures),
    /// Everything that is known of a work item
    Show {
        /// Its id
        id: Uuid,
    },
    /// Why a work item is not running
    Why {
        /// Its id
        id: Uuid,
    },
    /// Cancel a work item, or all that match a filter
    Cancel(Choice),
    /// Do failed or canceled work again, as new items
    Retry(Choice),
    /// Make an item due that waits for its time or for the end of a backoff
    RunNow {
        /// Its id
        id: Uuid,
    },
    /// Callbacks that are still to run, or were given up
    Callbacks {
        #[command(subcommand)]
        what: Callbacks,
    },
    /// Forget work of a pool that ended long ago
    Prune(Prune),
    /// Workers: processes, leases, what they run
    Workers,
    /// A live view; q quits
    Watch {
        /// How often to look
        #[arg(long, default_value = "1s", value_parser = humantime::parse_duration)]
        every: Duration,
    },
    /// Serve the dashboard to a browser, for whoever has the token that it prints
    Dashboard(Dashboard),
    /// Examine the database and the workers, and say what to do; ends with 4 when something is wrong
    Doctor,
    /// Who steered what, latest first
    Audit {
        /// At most so many
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

#[derive(Debug, Group)]
pub(crate) struct Migrate {
    /// Only say what would be applied
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Print the statements instead of running them: those that the database needs, or, without a
    /// database, all
    #[arg(long)]
    pub(crate) print_sql: bool,
}

#[derive(Debug, Group)]
pub(crate) struct Dashboard {
    /// Where to listen; a public address needs a token of your choice
    #[arg(long, default_value = "127.0.0.1:4590", value_name = "ADDRESS:PORT")]
    pub(crate) listen: SocketAddr,
    /// What a browser has to bring; else one is made up for each start
    #[arg(long, env = "WORKPOOL_DASHBOARD_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
    /// Only show: no actions
    #[arg(long)]
    pub(crate) read_only: bool,
    /// Show arguments, results and contexts: what functions declare to be hidden is not known here
    #[arg(long)]
    pub(crate) show_args: bool,
}

/// Which work items are meant.
#[derive(Debug, Group)]
pub(crate) struct Filter {
    /// Only of this pool
    #[arg(long)]
    pub(crate) pool: Option<String>,
    /// Only of this function
    #[arg(long)]
    pub(crate) function: Option<String>,
    /// Only in this state: due, scheduled, retrying, running, succeeded, failed, canceled
    #[arg(long, value_parser = state)]
    pub(crate) state: Option<WorkState>,
    /// Only what was enqueued so long ago, or, if it has ended, ended so long ago: 1h, 30d
    #[arg(long, value_parser = humantime::parse_duration, value_name = "AGE")]
    pub(crate) older_than: Option<Duration>,
    /// Only with this name
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Only with this text in one of the kept failures
    #[arg(long, value_name = "TEXT")]
    pub(crate) error: Option<String>,
}

impl Filter {
    pub(crate) fn is_empty(&self) -> bool {
        WorkFilter::from(self) == WorkFilter::new()
    }
}

impl From<&Filter> for WorkFilter {
    fn from(said: &Filter) -> Self {
        let mut filter = Self::new();
        filter.pool.clone_from(&said.pool);
        filter.function.clone_from(&said.function);
        filter.state = said.state;
        filter.older_than = said.older_than;
        filter.name.clone_from(&said.name);
        filter.error.clone_from(&said.error);
        filter
    }
}

#[derive(Debug, Group)]
pub(crate) struct List {
    #[command(flatten)]
    pub(crate) filter: Filter,
    /// Go on where the page before ended: it says so
    #[arg(long, value_name = "CURSOR")]
    pub(crate) after: Option<Cursor>,
    /// At most so many, up to 1000
    #[arg(long, default_value_t = 50)]
    pub(crate) limit: u32,
    /// How long to look for what matches, where little does: 10s, 2m
    #[arg(long, default_value = "200ms", value_parser = humantime::parse_duration, value_name = "TIME")]
    pub(crate) look: Duration,
}

#[derive(Debug, Group)]
pub(crate) struct Failures {
    /// Only of this pool
    #[arg(long)]
    pub(crate) pool: Option<String>,
    /// How far back
    #[arg(long, default_value = "1h", value_parser = humantime::parse_duration, value_name = "TIME")]
    pub(crate) since: Duration,
    /// At most so many groups
    #[arg(long, default_value_t = 20)]
    pub(crate) limit: u32,
}

/// One item, or all that match.
#[derive(Debug, Group)]
pub(crate) struct Choice {
    /// The item; or say a filter
    #[arg(conflicts_with_all = ["pool", "function", "state", "older_than", "name", "error"])]
    pub(crate) id: Option<Uuid>,
    #[command(flatten)]
    pub(crate) filter: Filter,
    /// At most so many that match
    #[arg(long, default_value_t = 10_000)]
    pub(crate) limit: u32,
}

#[derive(Debug, Group)]
pub(crate) struct Prune {
    /// The pool
    pub(crate) pool: String,
    /// What ended so long ago: 1h, 30d
    #[arg(long, value_parser = humantime::parse_duration, value_name = "AGE")]
    pub(crate) older_than: Duration,
    /// At most so many
    #[arg(long, default_value_t = 1_000_000)]
    pub(crate) limit: u32,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Callbacks {
    /// List them, parked ones first
    List {
        /// Only in this state: due, running, parked
        #[arg(long, value_parser = callback_state)]
        state: Option<CallbackState>,
        /// Go on where the page before ended: it says so
        #[arg(long, value_name = "CURSOR")]
        after: Option<Cursor>,
        /// At most so many, up to 1000
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// Make parked ones due again, with fresh attempts
    Replay {
        /// Ids of their work
        #[arg(required_unless_present = "all")]
        ids: Vec<Uuid>,
        /// All that are parked
        #[arg(long, conflicts_with = "ids")]
        all: bool,
    },
}

fn state(word: &str) -> Result<WorkState, String> {
    word.parse().map_err(|error: workpool::Error| error.to_string())
}

fn callback_state(word: &str) -> Result<CallbackState, String> {
    word.parse().map_err(|error: workpool::Error| error.to_string())
}
