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

/// A callback in the hand of a process, and the fence of its claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Called {
    Ours(u8),
    /// The answer to its COMMIT was lost.
    Asking(u8),
}
