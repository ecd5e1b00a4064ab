//! What happens at a point.

use std::time::Duration;

/// The lease of the processes.
pub(crate) const LEASE: Duration = Duration::from_millis(500);
/// How long a frozen process sleeps that holds locks.
pub(crate) const FROZEN: Duration = LEASE.saturating_mul(3);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Our own code panics.
    Panic,
    /// The process dies.
    Kill,
    /// The process is frozen for three leases or more, and then goes on.
    Stop,
    /// The connection breaks, and no answer comes.
    Cut,
    /// The server answers that it could not serialize.
    Serialization,
    /// The server answers that it found a deadlock.
    Deadlock,
    /// The server ends the session, and says so.
    Terminated,
    /// It takes two leases to go on.
    Delay,
    /// The caller drops the future.
    Abort,
}

impl Fault {
    pub(crate) const ALL: [Self; 9] = [
        Self::Panic,
        Self::Kill,
        Self::Stop,
        Self::Cut,
        Self::Serialization,
        Self::Deadlock,
        Self::Terminated,
        Self::Delay,
        Self::Abort,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Panic => "panic",
            Self::Kill => "kill",
            Self::Stop => "stop",
            Self::Cut => "cut",
            Self::Serialization => "40001",
            Self::Deadlock => "40P01",
            Self::Terminated => "57P01",
            Self::Delay => "delay",
            Self::Abort => "abort",
        }
    }

    /// What the failpoint is told. A call that is dropped has to be under way for that long.
    pub(crate) const fn action(self) -> &'static str {
        match self {
            Self::Delay => "delay(1000)",
            Self::Abort => "delay(400)",
            other => other.name(),
        }
    }

    /// Only what has not been committed can lose against others.
    pub(crate) const fn is_conflict(self) -> bool {
        matches!(self, Self::Serialization | Self::Deadlock)
    }

    /// The statement is answered by an error.
    pub(crate) const fn is_error(self) -> bool {
        self.is_conflict() || matches!(self, Self::Cut | Self::Terminated)
    }
}
