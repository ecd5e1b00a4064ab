//! How each case has to end: a function of the point, the fault and the kind of function, and of
//! nothing that was seen in a run.

use crate::case::{Case, Kind};
use crate::fault::Fault;
use crate::rows::{Call, Left, Row, Stage};

/// How an item has to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) end: End,
    /// Attempts that count.
    pub(crate) attempts: i32,
    /// How often the function of an action is entered. A mutation may begin again at any time.
    pub(crate) entries: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Success,
    /// Failed, for a reason of this kind.
    Failed(&'static str),
    Canceled,
}

/// What a process that makes a call has to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Done,
    Error,
    /// The caller has dropped the call.
    Dropped,
    /// Nothing: it died.
    Nothing,
}

/// Why a case does not exist; none: it does.
pub(crate) fn not_applicable(row: &Row, fault: Fault, kind: Kind) -> Option<&'static str> {
    let is_call = matches!(row.stage, Stage::Call(_));
    let of_point = row.point.split('-').next().unwrap_or_default();
    if of_point == "mutation" && kind != Kind::Book {
        Some("only a mutation has such a transaction")
    } else if of_point == "group" && kind != Kind::Book {
        Some("only mutations share a transaction")
    } else if of_point == "retry" && kind != Kind::Again {
        Some("only an action with retries is tried again")
    } else if of_point == "release" && kind != Kind::Book {
        Some("an action that was entered is not handed back uncounted")
    } else if fault == Fault::Abort && !is_call {
        Some("nobody drops the tasks of a worker")
    } else if row.is_committed() && fault.is_conflict() {
        Some("what is committed loses against nobody")
    } else if row.point == "enter" && fault.is_error() {
        Some("there is no connection")
    } else if row.is_blind() && kind != Kind::Once {
        Some("no item is in hand, so one kind stands for all")
    } else if fault == Fault::Terminated && row.is_answer_to_commit() {
        Some("the same as cut: only the answer to COMMIT can be lost there")
    } else {
        None
    }
}

impl Case {
    /// Whether what the process had in hand goes to others.
    pub(crate) fn is_deadly(&self) -> bool {
        match self.fault {
            Fault::Kill => true,
            // Those who look for the dead wait for its locks, and it goes on first.
            Fault::Stop => !self.row.locks,
            // The life ends, but its lease is renewed for what still runs.
            Fault::Panic if matches!(self.row.stage, Stage::InHand | Stage::Sharing) => {
                self.row.point.starts_with("heartbeat")
            }
            Fault::Panic => !self.row.is_of_one_item(),
            _ => false,
        }
    }

    /// How the item ends.
    pub(crate) fn expected(&self) -> Expected {
        if let Stage::Call(call) = self.row.stage {
            let canceled = call == Call::Cancel && self.takes_effect(call);
            return if canceled { CANCELED } else { success(1, 1) };
        }
        if self.fault == Fault::Panic && self.row.is_of_one_item() {
            return self.panicked();
        }
        match self.row.left {
            Left::Claimed if self.is_deadly() => match self.kind {
                Kind::Once => Expected { end: End::Failed("lost"), attempts: 1, entries: 0 },
                Kind::Again | Kind::Book => success(2, 1),
            },
            Left::Running if self.row.stage == Stage::InHand && self.is_cut_off() => success(1, 2),
            Left::Running if self.is_deadly() => died(self.kind),
            _ => self.undisturbed(),
        }
    }

    /// The transaction is cut off when the life ends, and the item is handed back.
    fn is_cut_off(&self) -> bool {
        self.fault == Fault::Panic && self.kind == Kind::Book
    }

    /// Attempts that may count beyond that, where it depends on who is faster.
    pub(crate) fn spare(&self) -> i32 {
        let panics = self.fault == Fault::Panic;
        let raced = match self.row.stage {
            // The hand-over of what was cut off, or the recovery by the next life.
            Stage::InHand => self.is_cut_off() && self.is_deadly(),
            // The life goes on claiming until it is noticed that nobody writes its ends.
            Stage::Retried => panics && self.row.left == Left::All,
            // Its own row is not locked before its end is written.
            Stage::Grouped => self.fault == Fault::Stop && self.row.point != "group-ended",
            _ => false,
        };
        i32::from(raced)
    }

    /// The attempt's task is told of the panic as of one of the function's, if it is not over.
    fn panicked(&self) -> Expected {
        let failed = |entries| Expected { end: End::Failed("panic"), attempts: 1, entries };
        match self.row.left {
            Left::Nothing | Left::Claimed => failed(0),
            Left::Running => failed(1),
            Left::All => self.undisturbed(),
        }
    }

    fn undisturbed(&self) -> Expected {
        match self.row.stage {
            Stage::Ends if self.kind == Kind::Book => {
                Expected { end: End::Failed("error"), attempts: 1, entries: 1 }
            }
            Stage::Retried => success(2, 2),
            Stage::Inherited => died(self.kind),
            Stage::Canceled | Stage::Told => CANCELED,
            _ => success(1, 1),
        }
    }

    /// What the process that makes the call prints.
    pub(crate) fn answer(&self, call: Call) -> Answer {
        // An enqueue is sent again after whatever may go by, the others after conflicts only.
        let resends = match call {
            Call::Enqueue | Call::Given | Call::Batch => true,
            Call::Cancel | Call::Pause | Call::Limit => self.fault.is_conflict(),
            Call::Migrate => false,
        };
        match self.fault {
            // A single one is written by a task of its own, whose end the caller is told.
            Fault::Panic if call == Call::Enqueue => Answer::Error,
            Fault::Kill | Fault::Panic => Answer::Nothing,
            Fault::Abort => Answer::Dropped,
            fault if fault.is_error() && !resends => Answer::Error,
            _ => Answer::Done,
        }
    }

    /// Whether the call has taken effect in the end.
    pub(crate) fn takes_effect(&self, call: Call) -> bool {
        match self.answer(call) {
            // What is dropped goes on in a task of its own.
            Answer::Done | Answer::Dropped => true,
            _ => self.row.left == Left::All,
        }
    }
}

const CANCELED: Expected = Expected { end: End::Canceled, attempts: 0, entries: 0 };

const fn success(attempts: i32, entries: usize) -> Expected {
    Expected { end: End::Success, attempts, entries }
}

/// What follows from a death while the function was running.
const fn died(kind: Kind) -> Expected {
    match kind {
        Kind::Once => Expected { end: End::Failed("lost"), attempts: 1, entries: 1 },
        Kind::Again | Kind::Book => success(2, 2),
    }
}
