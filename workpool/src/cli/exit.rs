//! How a command ends: the codes, and errors with the next step.

use std::io::Write;
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use workpool::Error;

/// The part of the help that says how commands end.
pub(crate) const CODES: &str = "\
Exit codes:
  0  done
  1  an error; what to do is said on standard error
  2  the arguments make no sense
  3  no such pool, work item or callback
  4  the doctor found a problem
  5  not confirmed: nothing was done
  6  there was nothing to do: it had ended, was retried before, …";

/// A command that was carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Done,
    NotFound,
    Problem,
    NotConfirmed,
    NothingToDo,
}

impl End {
    pub(crate) fn code(self) -> ExitCode {
        ExitCode::from(match self {
            Self::Done => 0,
            Self::NotFound => 3,
            Self::Problem => 4,
            Self::NotConfirmed => 5,
            Self::NothingToDo => 6,
        })
    }
}

/// A command that was not carried out.
#[derive(Debug)]
pub(crate) enum Failed {
    /// The arguments make no sense together.
    Usage(String),
    /// A call of the library.
    Call(Error),
    /// Anything else.
    Other(String),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Call(error)
    }
}

impl From<std::io::Error> for Failed {
    fn from(error: std::io::Error) -> Self {
        Self::Other(error.to_string())
    }
}

/// Says on standard error what went wrong and what to do.
pub(crate) fn failed(failed: &Failed) -> ExitCode {
    let (what, next, code) = match failed {
        Failed::Usage(what) => (what.clone(), None, 2),
        Failed::Other(what) => (what.clone(), None, 1),
        Failed::Call(error) => {
            let code = if matches!(error, Error::UnknownPool(_)) { 3 } else { 1 };
            (error.to_string(), next_step(error), code)
        }
    };
    say("error", AnsiColor::Red, &what);
    if let Some(next) = next {
        say("next", AnsiColor::Cyan, next);
    }
    ExitCode::from(code)
}

/// A line on standard error.
pub(crate) fn say(word: &str, color: AnsiColor, text: &str) {
    let style = Style::new().fg_color(Some(color.into())).bold();
    // There is nobody left to tell when this cannot be written.
    let _ = writeln!(anstream::stderr(), "{style}{word}:{style:#} {}", crate::output::clean(text));
}

fn next_step(error: &Error) -> Option<&'static str> {
    Some(match error {
        Error::SchemaTooOld { .. } => {
            "run `workpool migrate`, or `workpool migrate --print-sql` to see what it does"
        }
        Error::SchemaTooNew { .. } => {
            "use a newer `workpool`: cargo install workpool --features cli"
        }
        Error::TransactionPooler => "say --pooled, or connect past the pooler",
        Error::UnknownPool(_) => "`workpool pools` lists those that exist",
        Error::Database(error) => return database(error),
        _ => return None,
    })
}

fn database(error: &workpool::sqlx::Error) -> Option<&'static str> {
    use workpool::sqlx::Error as Sql;
    if let Some(error) = error.as_database_error() {
        return match error.code().as_deref() {
            Some("42501") => {
                Some("this user lacks privileges: SECURITY.md says which grants a role needs")
            }
            Some("25006") => Some("this server only reads: connect to the primary"),
            Some("3D000") => Some("create the database first"),
            Some("28000" | "28P01") => Some("check user and password in --database-url"),
            Some("57014") => Some("it took too long: name a pool, or run `workpool doctor`"),
            _ => None,
        };
    }
    match error {
        Sql::Io(_) | Sql::PoolTimedOut | Sql::Tls(_) => {
            Some("check --database-url (or DATABASE_URL), and that the server is up")
        }
        Sql::Configuration(_) => Some("--database-url is of the form postgres://user@host/name"),
        _ => None,
    }
}
