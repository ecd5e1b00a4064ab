//! What the macros' output refers to. Not for people: it may change with any release, which is why
//! the macro crate is pinned to this one.

use std::error::Error as StdError;
use std::fmt::Display;
use std::time::Duration;

pub use crate::BoxFuture;
pub use crate::failure::{Failure, FailureKind};
pub use crate::function::{
    Completes, Completion, CompletionType, Function, FunctionKind, FunctionSpec, Location,
    OnComplete, PoolRef, RawCompletion, RetrySetting, Retryable, Returns, StateNeed,
};
pub use crate::registry::{Entry, Handler, PoolEntry};
pub use crate::retry::RetryPolicy;
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

/// An error of whatever type a handler returns; method resolution picks how it becomes a failure.
#[derive(Debug)]
pub struct Fail<E>(pub E);

/// Errors, `anyhow`-like errors, strings: with their sources.
pub trait ViaError {
    /// Makes a failure of it.
    fn into_failure(self) -> Failure;
}

impl<E: Into<Box<dyn StdError + Send + Sync>>> ViaError for Fail<E> {
    fn into_failure(self) -> Failure {
        Failure::from_error(self.0.into())
    }
}

/// Everything else that can be shown.
pub trait ViaDisplay {
    /// Makes a failure of it.
    fn into_failure(self) -> Failure;
}

impl<E: Display> ViaDisplay for &Fail<E> {
    fn into_failure(self) -> Failure {
        Failure::from_error(self.0.to_string().into())
    }
}
