//! What a call of this crate may answer instead of what was asked for.

use uuid::Uuid;

use crate::failure::Failure;

/// The result of calls into this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call did not do what was asked. Named for what the caller can do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The input can never be stored; nothing was written. Change the input.
    #[error("{what} of `{function}` cannot be stored: {why}")]
    InvalidInput {
        /// `arguments`, `context`, `retry policy`, …
        what: &'static str,
        /// The function concerned.
        function: String,
        /// What is wrong with it.
        why: String,
    },

    /// A name or an option is outside what is allowed; nothing was written.
    #[error("{what} is not valid: {why}")]
    InvalidConfig {
        /// What was configured.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },

    /// The functions and pools of this program contradict each other. All faults are listed.
    #[error("the registry of functions has faults:\n{}", .0.join("\n"))]
    Registry(Vec<String>),

    /// No such pool in the database. Declare it with `pool!`, or create it with `create_pool`.
    #[error("pool `{0}` does not exist; declare it with `workpool::pool!` or call `create_pool`")]
    UnknownPool(String),

    /// The pool still has work; cancel it or let it end first.
    #[error("pool `{0}` still has work that has not ended: cancel it or let it end first")]
    PoolInUse(String),

    /// No work with this id is known: never enqueued, rolled back, or pruned.
    #[error("work {0} is not known: never enqueued, rolled back, or its status has expired")]
    UnknownWork(Uuid),

    /// The work ended without a result.
    #[error("work failed: {0}")]
    WorkFailed(Failure),

    /// The work was canceled.
    #[error("work was canceled")]
    WorkCanceled,

    /// The stored result or context does not fit the type it is read as.
    #[error("stored {what} does not fit the type `{expected}`")]
    Undecodable {
        /// What was read.
        what: &'static str,
        /// The Rust type.
        expected: &'static str,
        /// What the decoder says.
        #[source]
        source: serde_json::Error,
    },

    /// This attempt is no longer the current one: its lease was lost, and what it does through its
    /// context is refused. Stop.
    #[error("this attempt was superseded: its lease was lost, and its writes are refused; stop")]
    Superseded,

    /// The answer to a commit was lost, and whether it took place cannot be found out. Nothing was
    /// enqueued twice; asking again with the same id is safe while the status is kept.
    #[error(
        "it is not known whether work {id} was enqueued: the connection was lost; ask again with the same id"
    )]
    Unconfirmed {
        /// The id it has if it was.
        id: Uuid,
        /// What broke the connection.
        #[source]
        source: sqlx::Error,
    },

    /// The schema in the database was made by a newer version of this crate.
    #[error(
        "the schema in the database has version {found}, this program knows {known}: update it"
    )]
    SchemaTooNew {
        /// Version in the database.
        found: i32,
        /// Latest version that this program knows.
        known: i32,
    },

    /// The schema is not there or was made by an older version, and this program was told not to
    /// migrate it.
    #[error(
        "the schema in the database has version {found}, this program needs {known}: let it \
         migrate, or run the migration beforehand"
    )]
    SchemaTooOld {
        /// Version in the database; 0: there is none.
        found: i32,
        /// Version that this program needs.
        known: i32,
    },

    /// Between this program and the database is a pooler that gives out its servers a transaction at
    /// a time. Statements prepared there would meet another server, which answers with somebody
    /// else's rows or an error.
    #[error(
        "this connection leads through a pooler in transaction mode: connect with \
         `Workpool::builder().pooled(true)`, or past the pooler, or have it pool sessions"
    )]
    TransactionPooler,

    /// The database said no, or could not be reached.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

impl Error {
    pub(crate) fn invalid(what: &'static str, why: impl Into<String>) -> Self {
        Self::InvalidConfig { what, why: why.into() }
    }
}
