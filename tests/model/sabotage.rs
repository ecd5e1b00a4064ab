//! Ways to break the protocol, one at a time, and the promise that each of them breaks. A model in
//! which nothing can go wrong would show nothing.

use super::state::{Kind, Left};

/// What is left out or done wrongly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sabotage {
    /// Ends, retries and hand-backs go by the id alone.
    NoFence,
    /// The fence is the number of the attempt, which goes back when one is handed back.
    FenceIsAttempt,
    /// An item is entered while the answer to its claim is outstanding.
    EnterUnconfirmed,
    /// `bury` marks the worker and leaves its slots as they are.
    BuryFreezesNothing,
    /// The trigger on pools does nothing.
    ResizeFreezesNothing,
    /// `take` counts what others hold before it has the lock.
    CountBeforeLock,
    /// The attempt is counted when it ends.
    AttemptCountedAtEnd,
    /// The callback is not recorded by the statement that ends the work.
    CallbackApart,
    /// The callback's transaction commits without having found its row.
    CallbackWithoutFence,
    /// What a dead worker may have been running is run again, retries or not.
    LostIsRunAgain,
    /// The slots of a dead worker go before its work.
    GrantsGoFirst,
    /// A failed attempt is tried again whatever was canceled.
    RetryIgnoresCancel,
    /// A cancel ends what runs as if it waited.
    CancelEndsRunning,
    /// The effects of a mutation are committed before its end is written.
    EffectApart,
    /// The statement that reconciles is no transaction: it may run after it was given up.
    ReconcileMayBeLate,
    /// The statement that gives slots back is no transaction.
    GiveBackMayBeLate,
    /// Callbacks that nobody knows are looked for after an error only, and not again later.
    CallbacksReconciledOnce,
    /// An enqueue claims into slots that are frozen.
    LoanWhileFrozen,
    /// What an enqueue may still claim does not count as running.
    LoanUncounted,
    /// Nor as in hand.
    LoanHandedBack,
}

impl Sabotage {
    /// Whether it is about what is enqueued beside a worker.
    pub(crate) const fn lends(self) -> bool {
        matches!(self, Self::LoanWhileFrozen | Self::LoanUncounted | Self::LoanHandedBack)
    }
}

/// Where it is found: functions, limits, faults, and what fails.
pub(crate) type Case = (Sabotage, [Kind; 2], &'static [u8], Left, &'static str);

const fn faults(deaths: u8, answers: u8, cancels: u8) -> Left {
    Left { deaths, answers, cancels, rollbacks: 0 }
}

const ONCE: [Kind; 2] = [Kind::Once; 2];
const AGAIN: [Kind; 2] = [Kind::Again; 2];
const BOOK: [Kind; 2] = [Kind::Book; 2];

const STALE: &str = "nothing is written for what was superseded";
const ENTERED: &str = "an action without retries is entered at most once";
const CALLED: &str = "an end has one callback, and none comes before it";
const LIMIT: &str = "nothing starts beyond the limit";

const DEAD: &str = "a worker that is marked as dead claims nothing";

pub(crate) const CASES: [Case; 20] = [
    (Sabotage::NoFence, AGAIN, &[1], faults(1, 0, 0), STALE),
    (Sabotage::FenceIsAttempt, ONCE, &[1], faults(1, 1, 0), STALE),
    (Sabotage::EnterUnconfirmed, ONCE, &[1], faults(0, 1, 0), ENTERED),
    (Sabotage::BuryFreezesNothing, ONCE, &[1], faults(1, 1, 0), DEAD),
    (Sabotage::ResizeFreezesNothing, ONCE, &[2, 1], faults(0, 0, 0), LIMIT),
    (Sabotage::CountBeforeLock, ONCE, &[1], faults(0, 0, 0), LIMIT),
    (
        Sabotage::AttemptCountedAtEnd,
        AGAIN,
        &[1],
        faults(1, 0, 0),
        "attempts never exceed their number",
    ),
    (Sabotage::CallbackApart, ONCE, &[1], faults(0, 0, 0), CALLED),
    (Sabotage::CallbackWithoutFence, ONCE, &[1], faults(1, 0, 0), CALLED),
    (Sabotage::LostIsRunAgain, ONCE, &[1], faults(1, 0, 0), ENTERED),
    (Sabotage::GrantsGoFirst, ONCE, &[1], faults(1, 0, 0), "what runs is covered by slots"),
    (
        Sabotage::RetryIgnoresCancel,
        AGAIN,
        &[1],
        faults(0, 0, 1),
        "what was canceled while it ran never waits again",
    ),
    (
        Sabotage::CancelEndsRunning,
        ONCE,
        &[1],
        faults(0, 0, 1),
        "what was canceled before its start is not entered",
    ),
    (
        Sabotage::EffectApart,
        BOOK,
        &[1],
        faults(0, 0, 0),
        "a mutation's effect is there exactly when it succeeded",
    ),
    (Sabotage::ReconcileMayBeLate, ONCE, &[1], faults(0, 1, 0), ENTERED),
    (Sabotage::GiveBackMayBeLate, ONCE, &[1], faults(0, 1, 0), LIMIT),
    (
        Sabotage::CallbacksReconciledOnce,
        ONCE,
        &[1],
        faults(0, 1, 0),
        "when nothing more happens by itself, everything has ended",
    ),
    (Sabotage::LoanWhileFrozen, ONCE, &[1], faults(1, 0, 0), DEAD),
    (Sabotage::LoanUncounted, ONCE, &[1], faults(0, 0, 0), LIMIT),
    (Sabotage::LoanHandedBack, ONCE, &[1], faults(0, 0, 0), ENTERED),
];
