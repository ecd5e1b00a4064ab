//! What the model knows: the rows of the database, what each worker has in hand, the statements
//! that were given up and may still be run, and how many faults are left.

pub(crate) use super::hand::{Attempt, Called, Phase, Verdict};
pub(crate) use super::rows::{At, Call, CallAt, Outcome, Row, Work};

/// Work items, and the lives of workers: two at a time, and one that begins when another is over.
pub(crate) const ITEMS: usize = 2;
pub(crate) const LIVES: usize = 3;

/// A work item, a life, by its place.
pub(crate) type Item = u8;
pub(crate) type Life = u8;

/// What a function is, as far as faults treat it differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An action without retries.
    Once,
    /// An action with as many attempts as `ATTEMPTS`.
    Again,
    /// A mutation.
    Book,
}

/// Attempts of an action that is retried.
pub(crate) const ATTEMPTS: u8 = 2;
/// Workers that may die over one mutation; a smaller bound than that of the product, so that it
/// is reached.
pub(crate) const LOST_BOUND: u8 = 1;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct State {
    pub(crate) limit: u8,
    /// Changes of the limit that have been made.
    pub(crate) changes: u8,
    pub(crate) work: [Work; ITEMS],
    pub(crate) calls: [Call; ITEMS],
    pub(crate) lives: [Worker; LIVES],
    pub(crate) flying: [Option<Flying>; 2],
    pub(crate) left: Left,
    /// A rule of a step was broken: one that no single state shows.
    pub(crate) breach: Option<Breach>,
}

/// Faults that may still happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Left {
    /// Crashes and freezes.
    pub(crate) deaths: u8,
    /// Answers that do not come.
    pub(crate) answers: u8,
    pub(crate) cancels: u8,
    /// Callbacks that fail and are rolled back.
    pub(crate) rollbacks: u8,
}

/// The rows of one life in `workers` and `slots`, and its process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
pub(crate) struct Worker {
    pub(crate) row: Row,
    pub(crate) granted: u8,
    pub(crate) frozen: bool,
    pub(crate) wanted: bool,
    pub(crate) process: Process,
    /// It has locked the pool and is about to count: what it runs, what others hold.
    pub(crate) taking: Option<(u8, u8)>,
    /// An error: nothing is claimed before it knows what is its own.
    pub(crate) uncertain: bool,
    pub(crate) calls_uncertain: bool,
    /// Of each item the latest attempt, and one before whose end is still being written.
    pub(crate) hand: [[Option<Attempt>; 2]; ITEMS],
    pub(crate) calls: [Option<Called>; ITEMS],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Process {
    Unborn,
    Up,
    /// It knows that its lease is lost: nothing new begins, what runs goes on.
    Abandoned,
    Crashed,
}

/// A statement, or a COMMIT, that its client has given up. The server may run it at any later
/// time, or never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Flying {
    /// What the worker ran when it sent the claim.
    Claim {
        life: Life,
        running: u8,
    },
    /// An enqueue that claims, if the worker has so many slots.
    Enqueue {
        life: Life,
        item: Item,
        slots: u8,
    },
    /// Whether it claims the callback for the worker.
    End {
        life: Life,
        item: Item,
        key: (u8, u8),
        verdict: Verdict,
        at_once: bool,
    },
    /// Holds the row of the item.
    Commit {
        life: Life,
        item: Item,
    },
    ClaimCallback {
        life: Life,
        item: Item,
    },
    FinishCallback {
        life: Life,
        item: Item,
    },
    /// The slots to keep. Only if it is no transaction.
    GiveBack {
        life: Life,
        keep: u8,
    },
    /// The items in hand, as bits. Only if it is no transaction.
    Reconcile {
        life: Life,
        in_hand: u8,
    },
}

/// Rules that a step can break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Breach {
    /// More lawful attempts than the limit, and one more than before.
    Limit,
    /// Something was written for an attempt that another one or an end had superseded.
    StaleWrite,
    /// A worker that is marked as dead claimed something.
    DeadClaimed,
    /// A worker with a valid lease entered what had been canceled before its start.
    EnteredCanceled,
    /// Ended although it had ended.
    EndedTwice,
}

impl State {
    pub(crate) fn worker(&mut self, life: Life) -> &mut Worker {
        &mut self.lives[usize::from(life)]
    }

    pub(crate) fn item(&mut self, item: Item) -> &mut Work {
        &mut self.work[usize::from(item)]
    }

    pub(crate) fn call(&mut self, item: Item) -> &mut Call {
        &mut self.calls[usize::from(item)]
    }

    /// An attempt in the hand of a process: the latest of the item, or the one before.
    pub(crate) fn attempt(&mut self, (life, item, which): Hand) -> &mut Option<Attempt> {
        &mut self.worker(life).hand[usize::from(item)][usize::from(which)]
    }

    /// Whether a process enqueues it just now.
    pub(crate) fn is_on_loan(&self, item: Item) -> bool {
        let mut hands = self.lives.iter().flat_map(|worker| worker.hand[usize::from(item)]);
        hands.any(|attempt| attempt.is_some_and(|attempt| attempt.phase.is_lent()))
    }

    pub(crate) fn anybody_waits(&self) -> bool {
        self.work.iter().any(|work| work.at == At::Waiting)
    }
}

/// Life, item, and 0 for the latest attempt of the item there.
pub(crate) type Hand = (Life, Item, u8);

impl Worker {
    /// What the process counts as running: everything in its hand.
    pub(crate) fn running(&self) -> u8 {
        self.hand.iter().flatten().flatten().count().try_into().unwrap_or(u8::MAX)
    }

    /// The same without what an enqueue may still claim.
    pub(crate) fn started(&self) -> u8 {
        let started = self.hand.iter().flatten().flatten().filter(|hand| !hand.phase.is_lent());
        started.count().try_into().unwrap_or(u8::MAX)
    }

    /// Whether the process may begin something new: what it knows of its lease is at most as good
    /// as what the database knows.
    pub(crate) fn is_valid(&self) -> bool {
        self.process == Process::Up && self.row == Row::Valid
    }

    /// Whether the process runs at all.
    pub(crate) fn acts(&self) -> bool {
        matches!(self.process, Process::Up | Process::Abandoned)
    }
}

impl State {
    /// Items and lives that are not asked for have ended before it begins. `lends`: the items are yet to
    /// be enqueued, and one worker has slots to lend.
    pub(crate) fn new(limit: u8, items: usize, lives: usize, left: Left, lends: bool) -> Self {
        let first = if lends { At::Absent } else { At::Waiting };
        let mut all =
            [Worker::up(), Worker::up(), Worker { process: Process::Unborn, ..Worker::none() }];
        if lives < LIVES {
            all[LIVES - 1] = Worker::none();
        }
        all[0].granted = if lends { limit } else { 0 };
        let mut both = [(Work { at: first, ..Work::new() }, Call::new()); ITEMS];
        if items < ITEMS {
            both[ITEMS - 1].0.at = At::Ended(Outcome::Failed);
            both[ITEMS - 1].1.effects = 1;
        }
        Self {
            limit,
            changes: 0,
            work: both.map(|row| row.0),
            calls: both.map(|row| row.1),
            lives: all,
            flying: [None; 2],
            left,
            breach: None,
        }
    }
}

impl Worker {
    /// Nothing of it is there, or not any more.
    pub(crate) const fn none() -> Self {
        Self {
            row: Row::Gone,
            granted: 0,
            frozen: false,
            wanted: false,
            process: Process::Crashed,
            taking: None,
            uncertain: false,
            calls_uncertain: false,
            hand: [[None; 2]; ITEMS],
            calls: [None; ITEMS],
        }
    }

    /// It has just registered.
    pub(crate) const fn up() -> Self {
        Self { row: Row::Valid, process: Process::Up, ..Self::none() }
    }

    /// The items in hand, as bits; `lent`: also those that an enqueue may still claim.
    pub(crate) fn in_hand(&self, lent: bool) -> u8 {
        let counts = |attempt: &Attempt| lent || !attempt.phase.is_lent();
        let [first, second] = self.hand.map(|hand| u8::from(hand.iter().flatten().any(counts)));
        first | second << 1
    }
}
