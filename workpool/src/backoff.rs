//! The patience of background loops: they go on for ever, wait longer each time, and say so once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use crate::store::Cause;
use crate::telemetry;

/// The name of what stops everything that needs a connection: an outage, or a connection of several
/// that was cut.
const OUTAGE: &str = "connections";

/// What is in trouble now, by name, and how many have that name: an outage is said once, however many
/// loops and transactions it stops.
#[derive(Debug, Default)]
pub(crate) struct Troubles(Mutex<HashMap<&'static str, usize>>);

impl Troubles {
    pub(crate) fn is_none(&self) -> bool {
        self.locked().is_empty()
    }

    fn begin(&self, what: &'static str, error: &dyn Cause) {
        let count = {
            let mut all = self.locked();
            let count = all.entry(what).or_default();
            *count += 1;
            *count
        };
        if count == 1 {
            telemetry::trouble(what, error);
        }
    }

    fn end(&self, what: &'static str) {
        let over = {
            let mut all = self.locked();
            let count = all.entry(what).or_default();
            *count = count.saturating_sub(1);
            let over = *count == 0;
            if over {
                all.remove(what);
            }
            over
        };
        if over {
            telemetry::trouble_over(what);
        }
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<&'static str, usize>> {
        self.0.lock().expect("no code panics with this lock")
    }
}

/// Counts failures in a row.
#[derive(Debug)]
pub(crate) struct Backoff {
    what: &'static str,
    failures: u32,
    /// The name under which it is among those in trouble.
    trouble: Option<&'static str>,
    troubles: Arc<Troubles>,
}

impl Backoff {
    pub(crate) fn new(what: &'static str) -> Self {
        Self::counted(what, Arc::default())
    }

    /// Adds itself to `troubles` while its latest try failed.
    pub(crate) const fn counted(what: &'static str, troubles: Arc<Troubles>) -> Self {
        Self { what, failures: 0, trouble: None, troubles }
    }

    /// Notes a failure and says how long to wait: from 50 ms up to 2 s, with jitter, so that
    /// workers do not come back in step.
    pub(crate) fn failed(&mut self, error: &dyn Cause) -> Duration {
        if self.trouble.is_none() {
            let what = if error.is_outage() { OUTAGE } else { self.what };
            self.troubles.begin(what, error);
            self.trouble = Some(what);
        }
        self.failures = self.failures.saturating_add(1);
        let nominal = 50_u64.saturating_mul(1 << self.failures.min(6)).min(2000);
        Duration::from_millis(rand::random_range(nominal / 2..=nominal))
    }

    pub(crate) fn succeeded(&mut self) {
        if let Some(what) = self.trouble.take() {
            self.troubles.end(what);
        }
        self.failures = 0;
    }
}

impl Drop for Backoff {
    fn drop(&mut self) {
        self.succeeded();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOWN: sqlx::Error = sqlx::Error::PoolTimedOut;

    #[test]
    fn pauses_grow_to_two_seconds_and_begin_anew_with_a_success() {
        let mut backoff = Backoff::new("it");
        let mut nominal = 100;
        for _ in 0..20 {
            let pause = backoff.failed(&DOWN).as_millis();
            assert!((nominal / 2..=nominal).contains(&pause), "{pause} of {nominal}");
            nominal = (2 * nominal).min(2000);
        }
        backoff.succeeded();
        assert!(backoff.failed(&DOWN).as_millis() <= 100);
    }

    #[test]
    fn an_outage_is_one_trouble_until_the_last_is_out_of_it_and_other_errors_are_of_their_own() {
        let troubles = Arc::new(Troubles::default());
        let in_trouble = || {
            let mut names: Vec<_> = troubles.locked().keys().copied().collect();
            names.sort_unstable();
            names
        };
        let [mut one, mut two, mut three] =
            ["one", "two", "three"].map(|what| Backoff::counted(what, Arc::clone(&troubles)));
        one.failed(&DOWN);
        two.failed(&DOWN);
        three.failed(&sqlx::Error::RowNotFound);
        // What it meets while it is in one trouble is no other.
        two.failed(&sqlx::Error::RowNotFound);
        assert_eq!(in_trouble(), [OUTAGE, "three"]);
        one.succeeded();
        assert_eq!(in_trouble(), [OUTAGE, "three"]);
        drop(two);
        assert_eq!(in_trouble(), ["three"]);
        three.succeeded();
        assert!(troubles.is_none());
    }
}
