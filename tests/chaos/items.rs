//! What was enqueued, and what the caller was told of it.

use uuid::Uuid;
use workpool::Cancel;

use crate::clock::Moment;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An action without retries.
    Once,
    /// An action with retries.
    Again,
    /// A mutation.
    Book,
}

/// One item of the load.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) id: Uuid,
    pub(crate) kind: Kind,
    pub(crate) pool: usize,
    /// How many of its attempts end in an error.
    pub(crate) fails: u32,
    pub(crate) origin: Origin,
    pub(crate) cancel: Option<Canceling>,
}

/// Where it came from, and so whether it has to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The enqueue was confirmed, or the transaction around it.
    Stored,
    /// The answer was lost: it is there as a whole or not at all.
    Unknown,
    /// Never committed.
    RolledBack,
    /// The call said that it can never be stored; none of ours is like that.
    Refused,
    /// Another item enqueued it.
    Child { parent: Uuid, of: Kind },
}

/// A cancel, and what was answered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Canceling {
    /// `None`: the call ended in an error.
    pub(crate) answer: Option<Cancel>,
    /// When the answer came.
    pub(crate) at: Moment,
}
