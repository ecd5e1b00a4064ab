//! What a process has in hand: attempts, and callbacks.

/// An attempt in the hand of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Attempt {
    pub(crate) number: u8,
    pub(crate) fence: u8,
    pub(crate) phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Phase {
    /// An enqueue under way may claim it, if the worker has so many slots.
    Lent(u8),
    /// The enqueue has run, and has claimed it or not; its answer has not come.
    Written(bool),
    /// The answer to its claim has come.
    Claimed,
    /// The lease was seen to be valid. A process may freeze between this and the entry.
    Cleared,
    Entered,
    /// The answer to the COMMIT of its transaction was lost.
    Asking,
    /// How it went is to be written; whether that was tried before without an answer.
    Ending(Verdict, bool),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Verdict {
    Success,
    Failed,
    Retry,
    Release,
    Canceled,
}

impl Phase {
    /// Whether its claim may not have happened.
    pub(crate) const fn is_lent(self) -> bool {
        matches!(self, Self::Lent(_) | Self::Written(_))
    }
}

/// A callback in the hand of a process, and the fence of its claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Called {
    Ours(u8),
    /// The answer to its COMMIT was lost.
    Asking(u8),
}
