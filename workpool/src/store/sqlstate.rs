//! What an error of the database means for the next step. The one table of SQLSTATEs.

use std::fmt::Display;

use crate::error::Error;

/// What an operation met.
pub(crate) trait Cause: Display {
    /// Whether it is the connection, and so likely to stop everything else as well.
    fn is_outage(&self) -> bool;
}

impl Cause for sqlx::Error {
    fn is_outage(&self) -> bool {
        lost_connection(self)
    }
}

impl Cause for Error {
    fn is_outage(&self) -> bool {
        matches!(self, Self::Database(error) if lost_connection(error))
    }
}

/// The code, when it was the server that answered.
fn code(error: &sqlx::Error) -> Option<String> {
    error.as_database_error().and_then(|db| db.code().map(std::borrow::Cow::into_owned))
}

/// A primary that became read-only; or a body that writes in a read-only transaction.
const READ_ONLY: &str = "25006";

/// Whether the connection is gone or unusable, so that whether the statement took effect is not
/// known.
pub(crate) fn lost_connection(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        // Something else was answered to BEGIN, so what is read next would be its answer: a pooler
        // gave out a session whose last client had died before it read everything.
        | sqlx::Error::BeginFailed => true,
        _ => code(error).is_some_and(|code| match &*code {
            // Shutdown, crash, starting up; idle for too long; too many connections.
            "57P01" | "57P02" | "57P03" | "57P05" | "25P03" | "53300" | READ_ONLY => true,
            code => code.starts_with("08"),
        }),
    }
}

/// Whether a prepared statement was not there, or was there already: another session has answered,
/// which only a pooler makes happen.
pub(crate) fn is_of_another_session(error: &sqlx::Error) -> bool {
    code(error).is_some_and(|code| matches!(&*code, "26000" | "42P05"))
}

/// Whether a statement gave up waiting for a lock. It took no effect.
pub(crate) fn is_locked(error: &sqlx::Error) -> bool {
    code(error).is_some_and(|code| code == "55P03")
}

/// Whether a transaction lost against others, and has certainly taken no effect: serialization
/// failures, deadlocks, lock timeouts.
pub(crate) fn conflicts(error: &sqlx::Error) -> bool {
    code(error).is_some_and(|code| matches!(&*code, "40001" | "40P01" | "55P03"))
}

/// Whether what was to be written may have been all the same. Not where there was no connection to
/// send it on, no transaction to do it in, or the server has said no.
pub(crate) fn in_doubt(error: &sqlx::Error) -> bool {
    use sqlx::Error::{BeginFailed, PoolClosed, PoolTimedOut};
    let never_sent = matches!(error, PoolTimedOut | PoolClosed | BeginFailed);
    let refused = |code: String| code.starts_with("53") || code == READ_ONLY;
    lost_connection(error) && !never_sent && !code(error).is_some_and(refused)
}

/// Whether the same transaction may succeed when it is run again: conflicts, lost connections, an
/// outage, exhausted resources.
pub(crate) fn is_transient(error: &sqlx::Error) -> bool {
    let exhausted = code(error).is_some_and(|code| code.starts_with("53"));
    exhausted || conflicts(error) || lost_connection(error)
}

/// Whether the body of a transaction that ended in this error may succeed when it is run again. To
/// write in a read-only transaction is the body's own fault, and not, as elsewhere, that of a
/// primary which became a standby.
pub(crate) fn may_rerun(error: &sqlx::Error) -> bool {
    is_transient(error) && code(error).is_none_or(|code| code != READ_ONLY)
}

/// Whether an earlier statement broke the transaction, and its error was hidden.
pub(crate) fn is_broken(error: &sqlx::Error) -> bool {
    code(error).is_some_and(|code| code == "25P02")
}

/// Whether the database refuses the values themselves, so that sending them again is in vain: data
/// exceptions, violated constraints, limits exceeded.
pub(crate) fn is_refusal(error: &sqlx::Error) -> bool {
    let refused = |code: String| ["22", "23", "54"].iter().any(|class| code.starts_with(class));
    matches!(error, sqlx::Error::Encode(_)) || code(error).is_some_and(refused)
}
