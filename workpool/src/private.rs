//! What the macros' output refers to. Not for people: it may change with any release, which is why
//! the macro crate is pinned to this one.

use std::cell::Cell;
use std::error::Error as StdError;
use std::fmt::Display;
use std::time::Duration;

pub use crate::BoxFuture;
pub use crate::failure::{Failure, FailureKind};
pub use crate::function::{
    Completes, Completion, CompletionType, Function, FunctionKind, FunctionSpec, Location,
    OnComplete, PoolRef, RawCompletion, Redact, RetrySetting, Retryable, Returns, StateNeed,
};
pub use crate::registry::{Entry, Handler, PoolEntry};
pub use crate::retry::RetryPolicy;
#[cfg(feature = "testing")]
pub use crate::worker::bench::{Ends, action_ctx};
pub use {inventory, serde, serde_json};

/// Only `serde_json::Value` stands for a result of any type.
#[diagnostic::on_unimplemented(
    message = "a type that is named `Value` here must be `serde_json::Value`",
    note = "a completion of `serde_json::Value` completes work of any type; give your own type \
            another name"
)]
pub trait AnyOutput {}

impl AnyOutput for serde_json::Value {}

/// Checks that a completion which is to accept any result can.
pub const fn assert_any_output<T: AnyOutput>() {}

/// A policy of which an attribute names a part.
pub const fn retry_policy(
    max_attempts: Option<u32>,
    initial_backoff: Option<Duration>,
    base: Option<f64>,
    max_backoff: Option<Duration>,
) -> RetryPolicy {
    let mut policy = RetryPolicy::new();
    if let Some(attempts) = max_attempts {
        policy = policy.max_attempts(attempts);
    }
    if let Some(delay) = initial_backoff {
        policy = policy.initial_backoff(delay);
    }
    if let Some(base) = base {
        policy = policy.base(base);
    }
    if let Some(delay) = max_backoff {
        policy = policy.max_backoff(delay);
    }
    policy
}

/// Decodes stored arguments.
pub fn decode_args<F: Function>(json: &str) -> Result<F::Args, Failure> {
    crate::payload::decode(json, "arguments")
}

/// Encodes a result for storage.
pub fn encode_output<F: Function>(output: &F::Output) -> Result<String, Failure> {
    crate::payload::encode(output).map_err(|why| {
        let text = format!("the result cannot be stored: {why}");
        Failure::new(FailureKind::UnstorableResult, text)
    })
}

/// Decodes a stored completion.
pub fn decode_completion<H: OnComplete>(
    raw: &RawCompletion,
) -> Result<Completion<H::Context, H::Output>, Failure> {
    raw.decode()
}

/// An error of whatever type a handler returns. Method resolution on `&&&Fail` picks the first of
/// the traits below that its type allows.
pub struct Fail<E>(Cell<Option<E>>);

impl<E> std::fmt::Debug for Fail<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fail")
    }
}

impl<E> Fail<E> {
    /// Holds an error.
    pub const fn new(error: E) -> Self {
        Self(Cell::new(Some(error)))
    }

    fn take(&self) -> E {
        self.0.take().expect("it is taken once")
    }
}

/// What refers to an error: `anyhow::Error` and the like, whose boxed form hides what it is.
pub trait ViaReference {
    /// Makes a failure of it.
    fn failure(&self) -> Failure;
}

impl<E> ViaReference for &&Fail<E>
where
    E: AsRef<dyn StdError + Send + Sync> + Into<Box<dyn StdError + Send + Sync>>,
{
    fn failure(&self) -> Failure {
        let error = self.take();
        let failure = Failure::inspect(error.as_ref());
        failure.with_error(error.into())
    }
}

/// Errors and strings, with their sources.
pub trait ViaError {
    /// Makes a failure of it.
    fn failure(&self) -> Failure;
}

impl<E: Into<Box<dyn StdError + Send + Sync>>> ViaError for &Fail<E> {
    fn failure(&self) -> Failure {
        Failure::from_error(self.take().into())
    }
}

/// Everything else that can be shown.
pub trait ViaDisplay {
    /// Makes a failure of it.
    fn failure(&self) -> Failure;
}

impl<E: Display> ViaDisplay for Fail<E> {
    fn failure(&self) -> Failure {
        Failure::from_error(self.take().to_string().into())
    }
}

#[cfg(test)]
#[expect(clippy::needless_borrow, reason = "the references are the ladder")]
mod tests {
    use super::*;
    use crate::failure::Advice;

    fn advice_of_anyhow(error: anyhow::Error) -> Advice {
        (&&&Fail::new(error)).failure().advice()
    }

    #[test]
    fn an_error_is_recognized_whatever_carries_it() {
        let marked = || Failure::non_retryable("no");
        assert_eq!((&&&Fail::new(marked())).failure().advice(), Advice::Stop);
        assert_eq!(advice_of_anyhow(marked().into()), Advice::Stop);
        assert_eq!(advice_of_anyhow(anyhow::Error::from(marked()).context("a")), Advice::Stop);
        let lost = || sqlx::Error::WorkerCrashed;
        assert_eq!(advice_of_anyhow(lost().into()), Advice::RunAgain);
        assert_eq!((&&&Fail::new(lost())).failure().advice(), Advice::RunAgain);
    }

    #[test]
    fn whatever_can_be_shown_is_an_error() {
        struct Plain;
        impl Display for Plain {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("plain")
            }
        }
        assert_eq!((&&&Fail::new(Plain)).failure().message(), "plain");
        assert_eq!((&&&Fail::new("text")).failure().message(), "text");
        assert_eq!((&&&Fail::new(String::from("s"))).failure().message(), "s");
    }
}
