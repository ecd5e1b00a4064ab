//! Why there is no server to use, in words that say what to do about it.

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};

/// Why there is no PostgreSQL to use. The message says what to do next.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum PostgresError {
    /// No server was named and none is installed.
    #[error(
        "no PostgreSQL was found on this machine; install one:\n  \
         Debian, Ubuntu: sudo apt-get install postgresql\n  \
         Fedora:         sudo dnf install postgresql-server\n  \
         macOS:          brew install postgresql@17\n\
         (it need not run), or name a directory that holds `initdb` and `postgres` in \
         WORKPOOL_POSTGRES_BIN, or a running server in WORKPOOL_DATABASE_URL, such as \
         postgres://user:password@localhost/database"
    )]
    NotInstalled,

    /// `WORKPOOL_POSTGRES_BIN` names the wrong directory.
    #[error(
        "WORKPOOL_POSTGRES_BIN names `{}`, which does not hold both `initdb` and `postgres`; \
         correct or unset it", .dir.display()
    )]
    NotInDirectory {
        /// What it names.
        dir: PathBuf,
    },

    /// The variable does not hold the URL of a PostgreSQL server.
    #[error(
        "{variable} is not a URL such as postgres://user:password@localhost/database; \
         correct or unset it"
    )]
    InvalidUrl {
        /// `WORKPOOL_DATABASE_URL` or `DATABASE_URL`.
        variable: &'static str,
        /// What is wrong with it, if it looked like one.
        source: Option<sqlx::Error>,
    },

    /// The server that the variable names does not let us in.
    #[error(
        "cannot connect to the server that {variable} names; start it, or correct or unset the \
         variable"
    )]
    Unreachable {
        /// `WORKPOOL_DATABASE_URL` or `DATABASE_URL`.
        variable: &'static str,
        /// What the attempt to connect ended with.
        source: sqlx::Error,
    },

    /// We are root, which the server's programs refuse to run as.
    #[error(
        "PostgreSQL does not run as root, and /etc/passwd has neither `postgres` nor `nobody` to \
         run it as; run as another user, or name a running server in WORKPOOL_DATABASE_URL"
    )]
    NoAccount,

    /// A file of the private cluster could not be handled.
    #[error(
        "cannot {what} `{}` for a private PostgreSQL; set TMPDIR to a directory where that is \
         allowed, or name a running server in WORKPOOL_DATABASE_URL", .path.display()
    )]
    Io {
        /// What was tried.
        what: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system answered.
        source: std::io::Error,
    },

    /// A step in the life of the private cluster failed. The end of its log says why.
    #[error(
        "{step} of a private PostgreSQL failed; correct what its log ends with, or name a \
         running server in WORKPOOL_DATABASE_URL:\n{log}"
    )]
    Failed {
        /// `initdb`, `the start` or `the stop`.
        step: &'static str,
        /// The last lines of the log.
        log: String,
        /// What the last attempt to connect ended with, when that was what failed.
        source: Option<sqlx::Error>,
    },

    /// The server was named by a variable, and those are not ours to stop.
    #[error("only a private PostgreSQL can be {what}; make one with `Postgres::start`")]
    NotPrivate {
        /// `stopped` or `started`.
        what: &'static str,
    },
}

impl PostgresError {
    pub(super) fn io(what: &'static str, path: &Path, source: std::io::Error) -> Self {
        Self::Io { what, path: path.to_owned(), source }
    }
}

/// The messages of the error and of its sources. `unwrap` and a `main` that returns an error show
/// only this, and `NotInstalled` alone would help nobody.
impl fmt::Debug for PostgresError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        let mut source = self.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_unwrap_shows_has_the_commands_and_the_variables() {
        let shown = format!("{:?}", PostgresError::NotInstalled);
        for part in ["apt-get install postgresql", "brew install", "WORKPOOL_DATABASE_URL"] {
            assert!(shown.contains(part), "{shown}");
        }
    }

    #[test]
    fn what_unwrap_shows_has_the_cause() {
        let error =
            PostgresError::io("create", Path::new("/x"), std::io::ErrorKind::NotFound.into());
        assert!(format!("{error:?}").ends_with(": entity not found"));
    }
}
