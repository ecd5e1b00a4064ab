//! What a function is: its name, kind, pool and types. Behavior, which needs contexts, is in
//! `registry`.

use std::any::TypeId;
use std::time::Duration;

use serde::Serialize;
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::failure::{Failure, FailureKind};
use crate::payload::{Storable, decode};
use crate::retry::RetryPolicy;
use crate::work::{Outcome, OutcomeKind, WorkId};

/// What a function may do, and what follows when its process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FunctionKind {
    /// Effects outside the database.
    Action,
    /// Effects in the database, in one transaction with its own end.
    Mutation,
    /// Reads the database.
    Query,
    /// Runs when other work has ended, as a mutation.
    OnComplete,
}

impl FunctionKind {
    pub(crate) const fn code(self) -> i16 {
        match self {
            Self::Action => 0,
            Self::Mutation => 1,
            Self::Query => 2,
            Self::OnComplete => 3,
        }
    }

    /// Of a stored row; whatever it holds that is no other kind is taken for a query.
    pub(crate) const fn from_code(code: i16) -> Self {
        match code {
            0 => Self::Action,
            1 => Self::Mutation,
            3 => Self::OnComplete,
            _ => Self::Query,
        }
    }

    /// The word: `action`, `mutation`, `query`, `on_complete`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Action => "action",
            Self::Mutation => "mutation",
            Self::Query => "query",
            Self::OnComplete => "on_complete",
        }
    }
}

/// A pool, as code declares it: a name, and the values that seed its row in the database.
///
/// Once the row exists the database rules: a pool that was paused or resized stays so when
/// processes start or enqueue. Declare a pool with [`pool!`](crate::pool!).
///
/// ```
/// use workpool::Pool;
/// workpool::pool!(
///     /// Mail goes out slowly.
///     pub EMAIL = Pool::new("email").max_parallelism(3)
/// );
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[must_use]
pub struct Pool<'a> {
    pub(crate) name: &'a str,
    pub(crate) max_parallelism: u32,
    pub(crate) retry_actions_by_default: bool,
    pub(crate) default_retry: RetryPolicy,
    pub(crate) status_ttl: Duration,
}

impl<'a> Pool<'a> {
    /// A pool with the defaults: 10 at once, retries off, status kept for a day.
    pub const fn new(name: &'a str) -> Self {
        Self {
            name,
            max_parallelism: 10,
            retry_actions_by_default: false,
            default_retry: RetryPolicy::new(),
            status_ttl: Duration::from_hours(24),
        }
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &'a str {
        self.name
    }

    /// How many items may run at once over all processes together. 0: nothing starts.
    pub const fn max_parallelism(mut self, limit: u32) -> Self {
        self.max_parallelism = limit;
        self
    }

    /// Whether actions that say nothing about retries get this pool's policy.
    pub const fn retry_actions_by_default(mut self, on: bool) -> Self {
        self.retry_actions_by_default = on;
        self
    }

    /// The policy for `retry = true`. Does not switch retries on.
    pub const fn default_retry(mut self, policy: RetryPolicy) -> Self {
        self.default_retry = policy;
        self
    }

    /// How long the status and result of ended work are kept, in whole milliseconds.
    /// `Duration::MAX`: for ever; zero: not at all.
    pub const fn status_ttl(mut self, ttl: Duration) -> Self {
        self.status_ttl = ttl;
        self
    }
}

/// So that a declared pool names itself where a name is asked for.
impl AsRef<str> for Pool<'_> {
    fn as_ref(&self) -> &str {
        self.name
    }
}

/// The stub of an `#[action]`, `#[mutation]` or `#[query]`. Implemented by the macros.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a workpool function",
    note = "annotate an async function with `#[action]`, `#[mutation]` or `#[query]`"
)]
pub trait Function: 'static {
    /// What it takes.
    type Args: Storable;
    /// What it returns on success.
    type Output: Storable;
    #[doc(hidden)]
    const SPEC: &'static FunctionSpec;
}

/// The stub of an `#[action]`. Implemented by the macro.
#[diagnostic::on_unimplemented(
    message = "`{Self}` takes no retry policy: only actions are retried",
    label = "a mutation or a query",
    note = "the transaction of a mutation or query is run again by itself when it conflicts, and \
            an error of its body ends the work; use `#[action]` if you want retries"
)]
pub trait Retryable: Function {}

/// The stub of an `#[on_complete]` function. Implemented by the macro.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an `#[on_complete]` function",
    note = "annotate it with `#[on_complete(context = …)]`"
)]
pub trait OnComplete: 'static {
    /// What an enqueue hands to it.
    type Context: Storable;
    /// The result that it expects of the work.
    type Output: Storable;
    #[doc(hidden)]
    const SPEC: &'static FunctionSpec;
}

/// An [`OnComplete`] that can complete work which returns `T`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot complete work that returns `{T}`",
    label = "takes another result type",
    note = "its last parameter must be `Completion<Context, {T}>`, or `Completion<Context, \
            serde_json::Value>` for work of any type"
)]
pub trait Completes<T>: OnComplete {}

/// What an [`OnComplete`] function is called with.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Completion<C, T> {
    /// The work that ended.
    pub work_id: WorkId<T>,
    /// The context given at enqueue.
    pub context: C,
    /// How it ended.
    pub outcome: Outcome<T>,
    /// Its attempts in all.
    pub attempts: u32,
}

/// Lets the macros name the types inside a `Completion`.
pub trait CompletionType {
    /// Its context.
    type Context;
    /// Its result.
    type Output;
}

impl<C, T> CompletionType for Completion<C, T> {
    type Context = C;
    type Output = T;
}

/// What a handler may return.
#[diagnostic::on_unimplemented(
    message = "a workpool function returns a `Result`, not `{Self}`",
    note = "write `-> Result<T, E>` with any error type, for example `workpool::Result<()>`"
)]
pub trait Returns {
    /// The success type.
    type Output;
}

impl<T, E> Returns for Result<T, E> {
    type Output = T;
}

/// What a macro wrote down about a function.
#[derive(Debug)]
pub struct FunctionSpec {
    /// Unique over the program, stable over releases.
    pub name: &'static str,
    /// What it may do.
    pub kind: FunctionKind,
    /// Where it runs; none for `on_complete`.
    pub pool: Option<PoolRef>,
    /// What the attribute says about retries.
    pub retry: RetrySetting,
    /// The longest an attempt may take.
    pub timeout: Option<Duration>,
    /// How long its status is kept, if not as the pool says.
    pub status_ttl: Option<Duration>,
    /// What of it is not shown to people.
    pub redact: Redact,
    /// Whether its body may share a transaction with others.
    pub grouped: bool,
    /// Application state that its body asks for.
    pub state: &'static [StateNeed],
    /// Where it is written.
    pub location: Location,
}

impl FunctionSpec {
    pub(crate) const fn pool_name(&self) -> Option<&'static str> {
        match self.pool {
            Some(PoolRef::Named(name)) => Some(name),
            Some(PoolRef::Declared(pool)) => Some(pool.name),
            None => None,
        }
    }
}

/// How an attribute names its pool.
#[derive(Debug)]
pub enum PoolRef {
    /// By a string.
    Named(&'static str),
    /// By a constant.
    Declared(&'static Pool<'static>),
}

/// What an attribute says about retries.
#[derive(Debug)]
pub enum RetrySetting {
    /// Nothing.
    Unset,
    /// `retry = false`
    Off,
    /// `retry`
    On,
    /// `retry(…)`
    Policy(RetryPolicy),
}

/// What is not shown to people: of the arguments and the result, or of the context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redact {
    /// All of it is shown.
    Nothing,
    /// `redact`
    All,
    /// `redact("password", "card.number")`
    Paths(&'static [&'static str]),
}

/// A type of application state.
#[derive(Debug)]
pub struct StateNeed {
    pub(crate) type_id: TypeId,
    pub(crate) type_name: fn() -> &'static str,
}

impl StateNeed {
    /// The need for a `T`.
    #[must_use]
    pub const fn of<T: 'static>() -> Self {
        Self { type_id: TypeId::of::<T>(), type_name: std::any::type_name::<T> }
    }
}

/// A place in the source.
#[derive(Debug, Clone, Copy)]
pub struct Location {
    /// `file!()`
    pub file: &'static str,
    /// `line!()`
    pub line: u32,
}

impl std::fmt::Display for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// A completion as it is stored.
#[derive(Debug, Clone)]
pub struct RawCompletion {
    pub(crate) id: Uuid,
    pub(crate) context: Option<String>,
    pub(crate) outcome: OutcomeKind,
    pub(crate) result: Option<String>,
    pub(crate) errors: Option<Vec<String>>,
    pub(crate) attempts: i32,
}

impl RawCompletion {
    /// Reads it as the types of an `on_complete` function.
    ///
    /// # Errors
    ///
    /// A non-retryable failure when context or result do not fit.
    pub fn decode<C: Storable, T: Storable>(&self) -> Result<Completion<C, T>, Failure> {
        let context = decode(self.context.as_deref().unwrap_or("null"), "context")?;
        let outcome = match self.outcome {
            OutcomeKind::Success => {
                Outcome::Success(decode(self.result.as_deref().unwrap_or("null"), "result")?)
            }
            OutcomeKind::Failed => Outcome::Failed(self.last_failure()),
            OutcomeKind::Canceled => Outcome::Canceled,
        };
        let attempts = u32::try_from(self.attempts).unwrap_or(0);
        Ok(Completion { work_id: WorkId::from_uuid(self.id), context, outcome, attempts })
    }

    fn last_failure(&self) -> Failure {
        let last = self.errors.as_ref().and_then(|errors| errors.last());
        last.map_or_else(
            || Failure::new(FailureKind::Invalid, "the reason was not stored"),
            |json| Failure::from_json(json),
        )
    }
}

/// Storage of a `Duration` that may mean for ever: whole milliseconds, none for ever.
pub(crate) fn millis_or_forever(duration: Duration) -> Option<i64> {
    /// A thousand years: longer is for ever.
    const FOREVER: i64 = 1000 * 366 * 86_400 * 1000;
    i64::try_from(duration.as_millis()).ok().filter(|ms| *ms <= FOREVER)
}

/// A pool name that can be stored.
pub(crate) fn check_pool_name(name: &str) -> Result<()> {
    if name.is_empty() || name.len() > 200 || name.contains('\0') {
        let why = format!("`{}` must have 1 to 200 bytes and no NUL", name.escape_debug());
        return Err(Error::invalid("pool name", why));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn very_long_is_for_ever() {
        assert_eq!(millis_or_forever(Duration::MAX), None);
        assert_eq!(millis_or_forever(Duration::from_secs(2)), Some(2000));
    }
}
