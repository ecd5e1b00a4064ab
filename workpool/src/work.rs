//! What a work item is to the outside: its id, its status, its outcome. Knows nothing of storage.

use std::cmp::Ordering;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;
use std::time::SystemTime;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use crate::failure::Failure;

/// The id of a work item whose function returns `T`.
///
/// A UUIDv7, made by the caller before anything is written. It serializes as the plain UUID, so it
/// can be stored in a table or sent to another process, which reads the typed result with it. An
/// id is not a permission: check access yourself.
///
/// ```
/// use workpool::WorkId;
/// let id: WorkId<u32> = WorkId::new();
/// let same: WorkId<u32> = id.to_string().parse().unwrap();
/// assert_eq!(id, same);
/// assert!(WorkId::new() > id);
/// ```
pub struct WorkId<T> {
    uuid: Uuid,
    output: PhantomData<fn() -> T>,
}

impl<T> WorkId<T> {
    /// Makes a new id, greater than those this process made before.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "each call makes another id")]
    pub fn new() -> Self {
        Self::from_uuid(Uuid::now_v7())
    }

    /// The id of an item that is known to return `T`. Nothing checks that; a wrong type shows when
    /// the result is decoded.
    #[must_use]
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self { uuid, output: PhantomData }
    }

    /// The plain id.
    #[must_use]
    pub const fn uuid(&self) -> Uuid {
        self.uuid
    }
}

impl<T> Clone for WorkId<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for WorkId<T> {}

impl<T> PartialEq for WorkId<T> {
    fn eq(&self, other: &Self) -> bool {
        self.uuid == other.uuid
    }
}

impl<T> Eq for WorkId<T> {}

impl<T> PartialOrd for WorkId<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for WorkId<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.uuid.cmp(&other.uuid)
    }
}

impl<T> std::hash::Hash for WorkId<T> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.uuid.hash(state);
    }
}

impl<T> fmt::Debug for WorkId<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WorkId({})", self.uuid)
    }
}

impl<T> fmt::Display for WorkId<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.uuid.fmt(f)
    }
}

impl<T> FromStr for WorkId<T> {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self::from_uuid)
    }
}

impl<T> From<WorkId<T>> for Uuid {
    fn from(id: WorkId<T>) -> Self {
        id.uuid
    }
}

impl<T> Serialize for WorkId<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.uuid.serialize(serializer)
    }
}

impl<'de, T> Deserialize<'de> for WorkId<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Uuid::deserialize(deserializer).map(Self::from_uuid)
    }
}

/// How work ended, with what it returned or why it failed.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome<T> {
    /// The function returned `Ok`.
    Success(T),
    /// No attempt succeeded and there is none left.
    Failed(Failure),
    /// It was canceled before it could succeed.
    Canceled,
}

impl<T> Outcome<T> {
    /// Which of the three it is.
    #[must_use]
    pub const fn kind(&self) -> OutcomeKind {
        match self {
            Self::Success(_) => OutcomeKind::Success,
            Self::Failed(_) => OutcomeKind::Failed,
            Self::Canceled => OutcomeKind::Canceled,
        }
    }
}

/// An outcome without its contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeKind {
    /// The function returned `Ok`.
    Success,
    /// No attempt succeeded and there is none left.
    Failed,
    /// It was canceled before it could succeed.
    Canceled,
}

impl OutcomeKind {
    pub(crate) const fn code(self) -> i16 {
        match self {
            Self::Success => 0,
            Self::Failed => 1,
            Self::Canceled => 2,
        }
    }

    pub(crate) const fn from_code(code: i16) -> Self {
        match code {
            0 => Self::Success,
            1 => Self::Failed,
            _ => Self::Canceled,
        }
    }

    /// The word used in events: `success`, `failed`, `canceled`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
        }
    }
}

impl fmt::Display for OutcomeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where a work item is in its life.
#[derive(Debug, Clone, PartialEq)]
pub enum Status {
    /// Waits: for its time, for a slot, or for the end of a backoff.
    Pending {
        /// Attempts that were made before.
        previous_attempts: u32,
        /// When it is due.
        run_at: SystemTime,
        /// Why the latest attempt failed.
        last_failure: Option<Failure>,
    },
    /// An attempt is under way.
    Running {
        /// Attempts that were made before this one.
        previous_attempts: u32,
        /// When this attempt was claimed.
        started_at: Option<SystemTime>,
        /// Somebody canceled it: there will be no further attempt.
        cancel_requested: bool,
    },
    /// It has ended.
    Finished(Finished),
}

impl Status {
    /// Attempts that were made before the current one; all of them when finished.
    #[must_use]
    pub const fn previous_attempts(&self) -> u32 {
        match self {
            Self::Pending { previous_attempts, .. } | Self::Running { previous_attempts, .. } => {
                *previous_attempts
            }
            Self::Finished(finished) => finished.attempts,
        }
    }

    /// Whether it waits.
    #[must_use]
    pub const fn is_pending(&self) -> bool {
        matches!(self, Self::Pending { .. })
    }

    /// Whether an attempt is under way.
    #[must_use]
    pub const fn is_running(&self) -> bool {
        matches!(self, Self::Running { .. })
    }

    /// How it ended, if it has.
    #[must_use]
    pub const fn outcome(&self) -> Option<OutcomeKind> {
        match self {
            Self::Finished(finished) => Some(finished.outcome),
            _ => None,
        }
    }
}

/// The end of a work item, as long as `status_ttl` keeps it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Finished {
    /// How it ended.
    pub outcome: OutcomeKind,
    /// Attempts in all.
    pub attempts: u32,
    /// When it was enqueued.
    pub enqueued_at: SystemTime,
    /// When its last attempt was claimed; none if it never started.
    pub started_at: Option<SystemTime>,
    /// When it ended.
    pub finished_at: SystemTime,
    /// The last failures, oldest first. A success after retries has some too.
    pub failures: Vec<Failure>,
}

/// What a cancel found, and so what it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cancel {
    /// It had not started and never will. Its callback is told.
    Canceled,
    /// It runs. It is told, and gets no further attempt; a success stays a success.
    Requested,
    /// It had ended before; nothing was done.
    AlreadyFinished,
    /// No such work, or it has been pruned.
    Unknown,
}
