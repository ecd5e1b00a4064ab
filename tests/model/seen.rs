//! What was seen to happen somewhere in a search. Kept beside the states: as a part of them it
//! would multiply their number.

use std::sync::atomic::{AtomicU32, Ordering};

/// Events that must be reached, or a search has shown nothing about them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    Recovered,
    Lost,
    /// A mutation that was taken for the cause of its workers' deaths.
    Poison,
    /// Something superseded was written and refused.
    ZombieRefused,
    ClaimAnswerLost,
    /// An end was sent again, and the first one had been written.
    EndSentAgain,
    /// The COMMIT without an answer had taken place.
    CommitFound,
    /// It had not: the body was run again.
    CommitNotFound,
    CancelBeatsRetry,
    Prevented,
    /// A callback that was rolled back, or freed from a dead worker, and took effect later.
    CallbackAgain,
    Frozen,
    Thawed,
    /// Handed back without having been entered.
    GivenBack,
    /// A worker waited for a slot of another one, and got it.
    WaitedForSlot,
    /// An enqueue claimed for a worker that had lent slots; or did not, since something was in the way.
    LoanUsed,
    LoanInVain,
}

/// The events of one search.
#[derive(Debug, Default)]
pub(crate) struct Seen(AtomicU32);

impl Seen {
    pub(crate) fn note(&self, event: Event) {
        self.0.fetch_or(1 << event as u32, Ordering::Relaxed);
    }

    pub(crate) fn has(&self, event: Event) -> bool {
        self.0.load(Ordering::Relaxed) & (1 << event as u32) != 0
    }
}
