//! What the doctor found.

use std::fmt;

use serde::Serialize;

/// Something about the database or the workers that a person should know, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What was looked at, in one word or two: `autovacuum`, `old snapshot`, …
    pub check: &'static str,
    /// What was found.
    pub what: String,
    /// What to do next; empty when nothing is to be done.
    pub next: String,
}

/// How bad a finding is, the worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Severity {
    /// As it should be.
    Ok,
    /// Could not be looked at, or worth knowing.
    Note,
    /// It will hurt, or already does a little.
    Warning,
    /// Work stands still, or data are at risk.
    Problem,
}

impl Severity {
    /// The word: `ok`, `note`, `warning`, `problem`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
