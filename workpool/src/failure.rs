//! A failed attempt: what user code returned, in a form that can be stored and read back.

use std::error::Error as StdError;
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// The most bytes of message and sources that are kept of one failure.
const KEPT: usize = 8 * 1024;

/// Why an attempt failed. Made from whatever error a function returns, or with
/// [`Failure::non_retryable`] and [`Failure::retry_after`]; read back from the database in a
/// [`Completion`](crate::Completion) or a [`Status`](crate::Status).
///
/// Stored are the message and those of its sources, cleaned of NUL and cut to 8 KiB in all.
#[derive(Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Failure {
    /// Elsewhere, since whatever may fail is as large as this.
    stored: Box<Stored>,
    #[serde(skip)]
    advice: Advice,
    #[serde(skip)]
    error: Option<Box<dyn StdError + Send + Sync>>,
}

/// What is stored of a failure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Stored {
    kind: FailureKind,
    message: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    sources: Vec<String>,
    #[serde(default)]
    attempt: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    took_ms: Option<u64>,
}

/// What kind of failure it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FailureKind {
    /// The function returned an error.
    Error,
    /// The function returned an error marked as non-retryable.
    NonRetryable,
    /// The function panicked.
    Panic,
    /// The attempt took longer than its `timeout`.
    Timeout,
    /// The process died while the action may have been running. With retries off the action was
    /// entered at most once; whether it took effect is not known.
    Lost,
    /// The stored arguments do not fit the function's type.
    Undecodable,
    /// The function returned something that cannot be stored.
    UnstorableResult,
    /// The stored row makes no sense, for example it calls an action a mutation.
    Invalid,
}

impl FailureKind {
    /// The word that is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::NonRetryable => "non_retryable",
            Self::Panic => "panic",
            Self::Timeout => "timeout",
            Self::Lost => "lost",
            Self::Undecodable => "undecodable",
            Self::UnstorableResult => "unstorable_result",
            Self::Invalid => "invalid",
        }
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the worker is to do about a failure, beyond the policy.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) enum Advice {
    #[default]
    Policy,
    Stop,
    After(Duration),
    /// A serialization failure, a deadlock or a lost connection: run the body again.
    RunAgain,
}

impl Failure {
    /// A failure that ends the work at once, however many attempts are left.
    ///
    /// It is found through wrapping: an `anyhow` context around it, or an error of yours whose
    /// `source()` leads to it, ends the work as well.
    pub fn non_retryable(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let mut failure = Self::from_error(error.into());
        failure.stored.kind = FailureKind::NonRetryable;
        Self { advice: Advice::Stop, ..failure }
    }

    /// An ordinary failure, for functions that return `Result<T, Failure>`: tried again by the
    /// policy of the work, also if the error was marked otherwise.
    pub fn retryable(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let failure = Self::from_error(error.into());
        let at_once = failure.advice == Advice::RunAgain;
        if at_once { failure } else { failure.tried_again(Advice::Policy) }
    }

    /// A failure after which the next attempt, if one is left, comes after `delay` instead of the
    /// policy's backoff, also if the error was marked otherwise.
    pub fn retry_after(delay: Duration, error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::from_error(error.into()).tried_again(Advice::After(delay))
    }

    fn tried_again(mut self, advice: Advice) -> Self {
        if self.kind() == FailureKind::NonRetryable {
            self.stored.kind = FailureKind::Error;
        }
        Self { advice, ..self }
    }

    /// What kind of failure it was.
    #[must_use]
    pub const fn kind(&self) -> FailureKind {
        self.stored.kind
    }

    /// The message of the error itself.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.stored.message
    }

    /// The messages along the error's `source()` chain, outermost first.
    #[must_use]
    pub fn sources(&self) -> &[String] {
        &self.stored.sources
    }

    /// Which attempt failed, from 1.
    #[must_use]
    pub const fn attempt(&self) -> u32 {
        self.stored.attempt
    }

    /// When the attempt was over, by the clock of the machine that ran it (of a lost one: that
    /// noticed); none if that was not noted.
    #[must_use]
    pub fn at(&self) -> Option<SystemTime> {
        UNIX_EPOCH.checked_add(Duration::from_millis(self.stored.at_ms?))
    }

    /// How long the attempt took; none if that was not noted.
    #[must_use]
    pub fn took(&self) -> Option<Duration> {
        self.stored.took_ms.map(Duration::from_millis)
    }

    pub(crate) const fn advice(&self) -> Advice {
        self.advice
    }

    pub(crate) fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        let advice = match kind {
            FailureKind::Undecodable | FailureKind::UnstorableResult | FailureKind::Invalid => {
                Advice::Stop
            }
            _ => Advice::Policy,
        };
        let message = bounded(&message.into(), KEPT);
        let sources = Vec::new();
        let stored = Stored { kind, message, sources, attempt: 0, at_ms: None, took_ms: None };
        Self { stored: Box::new(stored), advice, error: None }
    }

    pub(crate) fn with_attempt(mut self, attempt: i32) -> Self {
        self.stored.attempt = u32::try_from(attempt).unwrap_or(0);
        self
    }

    /// Notes that the attempt is over now, and how long it took as far as that is known.
    pub(crate) fn over(&mut self, took: Option<Duration>) {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.stored.at_ms = SystemTime::now().duration_since(UNIX_EPOCH).ok().map(millis);
        self.stored.took_ms = took.map(millis);
    }

    /// Any error, with the advice that some error along its chain carries.
    pub(crate) fn from_error(error: Box<dyn StdError + Send + Sync>) -> Self {
        match error.downcast::<Self>() {
            Ok(failure) => *failure,
            Err(error) => Self::inspect(&*error).with_error(error),
        }
    }

    pub(crate) fn with_error(self, error: Box<dyn StdError + Send + Sync>) -> Self {
        Self { error: Some(error), ..self }
    }

    /// What is to be known of an error: its text, and what is marked along its chain.
    pub(crate) fn inspect(error: &(dyn StdError + Send + Sync + 'static)) -> Self {
        let mut failure = Self::new(FailureKind::Error, error.to_string());
        let mut left = KEPT.saturating_sub(failure.message().len());
        let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
        while let Some(at) = cause {
            if let Some(marked) = at.downcast_ref::<Self>() {
                failure.advice = marked.advice;
                failure.stored.kind = marked.stored.kind;
            } else if at.downcast_ref().is_some_and(crate::store::may_rerun) {
                failure.advice = Advice::RunAgain;
            }
            cause = at.source();
            if let Some(source) = cause
                && left > 0
            {
                let text = bounded(&source.to_string(), left);
                left = left.saturating_sub(text.len().max(1));
                failure.stored.sources.push(text);
            }
        }
        failure
    }

    /// Reads a stored failure; text that somebody wrote by hand becomes the message.
    pub(crate) fn from_json(json: &str) -> Self {
        serde_json::from_str(json).unwrap_or_else(|_| Self::new(FailureKind::Error, json))
    }

    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("strings and numbers are always JSON")
    }
}

/// Without NUL, which the database cannot show as text, and cut at a character boundary.
fn bounded(text: &str, limit: usize) -> String {
    // The mark for a NUL is longer than the NUL: cut before, so as not to copy megabytes, and after.
    let mut kept = text[..text.floor_char_boundary(limit)].replace('\0', "\u{FFFD}");
    let cut = kept.len() > limit || kept.len() < text.len();
    kept.truncate(kept.floor_char_boundary(limit));
    if cut {
        kept.push_str(" … (cut)");
    }
    kept
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl StdError for Failure {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.error.as_ref().and_then(|error| error.source())
    }
}

/// Copies what is stored of a failure; the original error object stays behind.
impl Clone for Failure {
    fn clone(&self) -> Self {
        Self { stored: self.stored.clone(), advice: self.advice, error: None }
    }
}

/// Compares what is stored.
impl PartialEq for Failure {
    fn eq(&self, other: &Self) -> bool {
        self.stored == other.stored
    }
}

/// Marks the error of a `Result` for the worker.
pub trait ResultExt<T> {
    /// Turns any error into one that ends the work at once.
    ///
    /// ```
    /// use workpool::{Failure, ResultExt};
    /// let parsed: Result<u32, Failure> = "seven".parse().non_retryable();
    /// assert!(parsed.is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// Those of `self`, wrapped.
    fn non_retryable(self) -> Result<T, Failure>;

    /// Turns any error into one that is tried again by the policy of the work.
    ///
    /// # Errors
    ///
    /// Those of `self`, wrapped.
    fn retryable(self) -> Result<T, Failure>;

    /// Turns any error into one after which the next attempt comes after `delay`.
    ///
    /// # Errors
    ///
    /// Those of `self`, wrapped.
    fn retry_after(self, delay: Duration) -> Result<T, Failure>;
}

impl<T, E: Into<Box<dyn StdError + Send + Sync>>> ResultExt<T> for Result<T, E> {
    fn non_retryable(self) -> Result<T, Failure> {
        self.map_err(Failure::non_retryable)
    }

    fn retryable(self) -> Result<T, Failure> {
        self.map_err(Failure::retryable)
    }

    fn retry_after(self, delay: Duration) -> Result<T, Failure> {
        self.map_err(|error| Failure::retry_after(delay, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Wrapped(Failure);

    impl fmt::Display for Wrapped {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("outer")
        }
    }

    impl StdError for Wrapped {
        fn source(&self) -> Option<&(dyn StdError + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn a_non_retryable_failure_is_found_through_wrapping() {
        let failure = Failure::from_error(Box::new(Wrapped(Failure::non_retryable("inner"))));
        assert_eq!(failure.advice(), Advice::Stop);
        assert_eq!(failure.message(), "outer");
        assert_eq!(failure.sources(), ["inner"]);
    }

    #[test]
    fn the_last_mark_of_an_error_counts() {
        let stopped = || Failure::non_retryable("inner");
        let wrapped = || Wrapped(stopped());
        for failure in [Failure::retryable(stopped()), Failure::retryable(wrapped())] {
            assert_eq!((failure.advice(), failure.kind()), (Advice::Policy, FailureKind::Error));
        }
        let later = Failure::retry_after(Duration::from_secs(9), stopped());
        assert_eq!(later.kind(), FailureKind::Error);
        assert_eq!(Failure::retryable(later).advice(), Advice::Policy);
    }

    #[test]
    fn long_and_dirty_text_is_cut_and_cleaned() {
        let failure = Failure::from_error(format!("a\0{}", "ü".repeat(10_000_000)).into());
        assert!(failure.message().len() < KEPT + 20);
        assert!(failure.message().starts_with("a\u{FFFD}ü"));
        assert_eq!(Failure::from_json(&failure.to_json()), failure);
    }

    #[test]
    fn the_word_of_a_kind_is_what_is_stored() {
        let words = "error non_retryable panic timeout lost undecodable unstorable_result invalid";
        for word in words.split(' ') {
            let kind: FailureKind = serde_json::from_value(word.into()).unwrap();
            assert_eq!(kind.as_str(), word);
        }
    }

    #[test]
    fn text_written_by_hand_becomes_the_message() {
        assert_eq!(Failure::from_json("[1").message(), "[1");
    }
}
