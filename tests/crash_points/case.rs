//! One case: a point, a fault, a kind of function.

use std::fmt;

use crate::fault::Fault;
use crate::rows::{Row, Stage, rows};
use crate::table::not_applicable;

/// A kind of function, by what may happen twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A mutation.
    Book,
    /// An action with retries.
    Again,
    /// An action without.
    Once,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Book, Self::Again, Self::Once];

    /// The registered name of its function.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Book => "book",
            Self::Again => "again",
            Self::Once => "once",
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Case {
    pub(crate) row: Row,
    pub(crate) fault: Fault,
    pub(crate) kind: Kind,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.row.name, self.fault.name(), self.kind.name())
    }
}

/// All combinations: those that exist, and those that do not, with the reason.
pub(crate) fn all() -> (Vec<Case>, Vec<(Case, &'static str)>) {
    let (mut cases, mut not) = (Vec::new(), Vec::new());
    for row in rows() {
        for fault in Fault::ALL {
            for kind in Kind::ALL {
                let case = Case { row, fault, kind };
                match not_applicable(&row, fault, kind) {
                    None => cases.push(case),
                    Some(why) => not.push((case, why)),
                }
            }
        }
    }
    (cases, not)
}

impl Case {
    /// Whether the process under test ends by itself.
    pub(crate) fn ends(&self) -> bool {
        match self.row.stage {
            _ if self.fault == Fault::Kill => true,
            Stage::Grace | Stage::Leaving => self.fault != Fault::Stop,
            // A worker that cannot be registered is not started.
            Stage::Registers => self.fault == Fault::Panic || self.fault.is_error(),
            _ => false,
        }
    }

    /// Whether a task dies that the worker cannot be without, so that it begins a new life.
    pub(crate) fn ends_a_life(&self) -> bool {
        let spared = self.row.is_of_one_item() || self.row.stage == Stage::Listens;
        self.fault == Fault::Panic && !spared && !self.ends()
    }

    /// What `FAILPOINTS` says.
    pub(crate) fn failpoints(&self) -> String {
        let fault = format!("{}=1*return({})", self.row.point, self.fault.action());
        match self.row.stage {
            Stage::Unanswered => format!("claim-done=1*return(cut);{fault}"),
            _ => fault,
        }
    }
}
