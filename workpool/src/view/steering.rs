//! What came of an action, and the record of actions.

use serde::Serialize;
use uuid::Uuid;

use super::Time;

/// What a retry found, and so what it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "retry", content = "id", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Retried {
    /// A new item with this id does the same work again. The end of the old one stands.
    As(Uuid),
    /// Somebody had done so before, as this item; nothing was done.
    Already(Uuid),
    /// It has not ended; nothing was done.
    NotEnded,
    /// It succeeded; nothing was done.
    Succeeded,
    /// Its arguments were not kept; nothing was done.
    NotKept,
    /// Its pool is not in the database; nothing was done.
    NoPool,
    /// No such work, or it has been pruned.
    Unknown,
}

/// What retrying many came to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct RetriedMatching {
    /// How many are tried again, each as a new item.
    pub retried: u64,
    /// How many matched that somebody had tried again before.
    pub already: u64,
    /// There may be further ones: the limit was reached, or the bound of what one call looks at.
    pub more: bool,
}

/// What canceling many came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct CanceledMatching {
    /// Waited, and have ended.
    pub canceled: u64,
    /// Run, and have been told.
    pub requested: u64,
    /// There may be further ones: the limit was reached, or the bound of what one call looks at.
    pub more: bool,
}

/// What `run_now` found, and so what it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RunNow {
    /// It waited for its time or for the end of a backoff; now it is due.
    Due,
    /// It was due already; nothing was done.
    AlreadyDue,
    /// It runs; nothing was done.
    Running,
    /// It has ended; nothing was done.
    Ended,
    /// No such work, or it has been pruned.
    Unknown,
}

/// Something that somebody did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AuditRow {
    /// When, by the clock of the database.
    pub at: Time,
    /// Who, as [`acting_as`](crate::inspect::Inspector::acting_as) said; else the user of the database.
    pub who: String,
    /// What: `pause`, `cancel`, …
    pub action: String,
    /// To what: a pool, an id, a filter.
    pub target: String,
    /// What came of it.
    pub outcome: String,
}
