//! What an error of the database means for the next step. The one table of SQLSTATEs.

/// Whether the connection is gone or unusable, so that whether the statement took effect is not
/// known.
pub(crate) fn lost_connection(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(db) => match db.code().as_deref() {
            // Shutdown, crash, starting up, too many connections; a primary that became read-only.
            Some("57P01" | "57P02" | "57P03" | "57P05" | "25P03" | "25006" | "53300") => true,
            Some(code) => code.starts_with("08"),
            None => false,
        },
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        _ => false,
    }
}

/// Whether the database refuses the values themselves, so that sending them again is in vain.
pub(crate) fn is_refusal(error: &sqlx::Error) -> bool {
    match error {
        // Data exceptions, violated constraints, limits exceeded.
        sqlx::Error::Database(db) => {
            db.code().is_some_and(|code| ["22", "23", "54"].iter().any(|c| code.starts_with(c)))
        }
        sqlx::Error::Encode(_) => true,
        _ => false,
    }
}

/// Whether the body of a transaction that ended in this error may succeed when it is run again. To
/// write in a read-only transaction is the body's own fault, and not, as elsewhere, that of a
/// primary which became a standby.
pub(crate) fn may_rerun(error: &sqlx::Error) -> bool {
    let read_only =
        matches!(error, sqlx::Error::Database(db) if db.code().as_deref() == Some("25006"));
    !read_only && is_transient(error)
}

/// Whether a statement gave up waiting for a lock. It took no effect.
pub(crate) fn is_locked(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(db) if db.code().as_deref() == Some("55P03"))
}

/// Whether the same transaction may succeed when it is run again: serialization failures,
/// deadlocks, lock timeouts, lost connections, an outage.
pub(crate) fn is_transient(error: &sqlx::Error) -> bool {
    if lost_connection(error) {
        return true;
    }
    match error {
        sqlx::Error::Database(db) => db.code().is_some_and(|code| {
            matches!(&*code, "40001" | "40P01" | "55P03") || code.starts_with("53")
        }),
        _ => false,
    }
}
