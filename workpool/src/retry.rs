//! Retry policies and the arithmetic of backoff. Pure: no clock, no storage.

use std::time::Duration;

/// How often a failed action is tried again, and after which delays.
///
/// The delay after finished attempt *n* is `initial_backoff · base^(n−1) · U`, with `U` uniform on
/// [0.5, 1.5), and never more than `max_backoff`.
///
/// ```
/// use std::time::Duration;
/// use workpool::RetryPolicy;
/// let policy = RetryPolicy::new().max_attempts(3).initial_backoff(Duration::from_secs(1));
/// assert_eq!(policy.delay(2, 1.0), Duration::from_secs(2));
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[must_use]
pub struct RetryPolicy {
    pub(crate) max_attempts: u32,
    pub(crate) initial_backoff: Duration,
    pub(crate) base: f64,
    pub(crate) max_backoff: Duration,
}

impl RetryPolicy {
    /// 5 attempts in all, 250 ms at first, doubling, at most an hour.
    pub const fn new() -> Self {
        Self {
            max_attempts: 5,
            initial_backoff: Duration::from_millis(250),
            base: 2.0,
            max_backoff: Duration::from_hours(1),
        }
    }

    /// Attempts in all, the first one included; 1 means no retry. At least 1.
    pub const fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts;
        self
    }

    /// The nominal delay after the first failed attempt, in whole milliseconds.
    pub const fn initial_backoff(mut self, delay: Duration) -> Self {
        self.initial_backoff = delay;
        self
    }

    /// The factor from one delay to the next. At least 1.
    pub const fn base(mut self, base: f64) -> Self {
        self.base = base;
        self
    }

    /// The longest delay, in whole milliseconds.
    pub const fn max_backoff(mut self, delay: Duration) -> Self {
        self.max_backoff = delay;
        self
    }

    /// The delay after finished attempt `attempt` (from 1) when the random factor is `jitter`.
    /// Saturates at `max_backoff` whatever the numbers are.
    #[must_use]
    pub fn delay(&self, attempt: u32, jitter: f64) -> Duration {
        let exponent = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
        let seconds = self.initial_backoff.as_secs_f64() * self.base.powi(exponent) * jitter;
        // `initial_backoff` may be zero and the power infinite: that is no number, and means zero.
        if seconds.is_nan() || seconds <= 0.0 {
            return Duration::ZERO;
        }
        Duration::try_from_secs_f64(seconds).map_or(self.max_backoff, |d| d.min(self.max_backoff))
    }

    pub(crate) fn random_delay(&self, attempt: u32) -> Duration {
        self.delay(attempt, rand::random_range(0.5..1.5))
    }

    /// What is wrong with it, if anything.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        if self.max_attempts == 0 || self.max_attempts > i32::MAX as u32 {
            Some("max_attempts must be between 1 and 2147483647")
        } else if !self.base.is_finite() || self.base < 1.0 {
            Some("base must be a finite number of at least 1")
        } else if self.max_backoff.max(self.initial_backoff) > LONGEST {
            Some("backoff must be at most 10 years")
        } else {
            None
        }
    }
}

const LONGEST: Duration = Duration::from_hours(10 * 366 * 24);

impl Default for RetryPolicy {
    fn default() -> Self {
        Self::new()
    }
}

/// What one enqueue says about retries: `true`, `false` or a policy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Retry {
    /// No retry: the action is entered at most once.
    Off,
    /// By the policy of the pool.
    On,
    /// By this policy.
    Policy(RetryPolicy),
}

impl From<bool> for Retry {
    fn from(on: bool) -> Self {
        if on { Self::On } else { Self::Off }
    }
}

impl From<RetryPolicy> for Retry {
    fn from(policy: RetryPolicy) -> Self {
        Self::Policy(policy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_delays_double_from_a_quarter_second() {
        let policy = RetryPolicy::new();
        let delays: Vec<_> = (1..5).map(|n| policy.delay(n, 1.0).as_millis()).collect();
        assert_eq!(delays, [250, 500, 1000, 2000]);
    }

    #[test]
    fn silly_numbers_saturate_at_the_cap() {
        let policy = RetryPolicy::new().base(1e9).initial_backoff(Duration::from_hours(24));
        for attempt in [0, 1, 2, 10_000, u32::MAX] {
            assert!(policy.delay(attempt, 1.5) <= policy.max_backoff);
        }
        let zero = RetryPolicy::new().initial_backoff(Duration::ZERO).base(1e300);
        assert_eq!(zero.delay(u32::MAX, 1.0), Duration::ZERO);
    }

    #[test]
    fn faults_are_named() {
        assert!(RetryPolicy::new().fault().is_none());
        assert!(RetryPolicy::new().max_attempts(0).fault().is_some());
        assert!(RetryPolicy::new().base(f64::NAN).fault().is_some());
        assert!(RetryPolicy::new().base(0.5).fault().is_some());
        assert!(RetryPolicy::new().max_backoff(Duration::MAX).fault().is_some());
    }
}
