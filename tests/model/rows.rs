//! The rows of the database, as far as they decide anything; and what became of ended work.

use super::state::Life;

/// A row of `work`, and what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Work {
    pub(crate) at: At,
    pub(crate) attempt: u8,
    pub(crate) fence: u8,
    pub(crate) lost: u8,
    pub(crate) cancel_requested: bool,
    /// A transaction whose COMMIT is under way holds the row.
    pub(crate) locked: bool,
    /// Claimed by a statement that its worker had given up: in nobody's hand.
    pub(crate) unknown: bool,
    /// How often an action was entered, or the effect of a mutation committed.
    pub(crate) done: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum At {
    /// Not enqueued yet.
    Absent,
    Waiting,
    Running(Life),
    Ended(Outcome),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Outcome {
    Success,
    Failed,
    /// Failed, because it is not known how it went.
    Lost,
    /// Canceled while it ran, or after it had run.
    Canceled,
    /// Canceled while it waited: the caller has been told that it does not start any more.
    Prevented,
}

/// A row of `callbacks`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Call {
    pub(crate) at: CallAt,
    pub(crate) fence: u8,
    pub(crate) locked: bool,
    /// Effects that were committed.
    pub(crate) effects: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum CallAt {
    /// Not there: before the end, and after the callback has run.
    Absent,
    Waiting,
    Running(Life),
}

/// A row of `workers`, with the lease by the clock of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Row {
    Gone,
    Valid,
    Expired,
    Dead,
}

impl Work {
    pub(crate) const fn new() -> Self {
        Self {
            at: At::Waiting,
            attempt: 0,
            fence: 0,
            lost: 0,
            cancel_requested: false,
            locked: false,
            unknown: false,
            done: 0,
        }
    }
}

impl Call {
    pub(crate) const fn new() -> Self {
        Self { at: CallAt::Absent, fence: 0, locked: false, effects: 0 }
    }
}
