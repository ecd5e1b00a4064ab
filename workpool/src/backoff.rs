//! The patience of background loops: they go on for ever, wait longer each time, and say so once.

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use crate::telemetry;

/// What is in trouble now, by name, and how many have that name: an outage is said once, however many
/// transactions it stops.
#[derive(Debug, Default)]
pub(crate) struct Troubles(Mutex<HashMap<&'static str, usize>>);

impl Troubles {
    pub(crate) fn is_none(&self) -> bool {
        self.locked().is_empty()
    }

    fn begin(&self, what: &'static str, error: &dyn Display) {
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
    troubles: Arc<Troubles>,
}

impl Backoff {
    pub(crate) fn new(what: &'static str) -> Self {
        Self::counted(what, Arc::default())
    }

    /// Adds itself to `troubles` while its latest try failed.
    pub(crate) const fn counted(what: &'static str, troubles: Arc<Troubles>) -> Self {
        Self { what, failures: 0, troubles }
    }

    /// Notes a failure and says how long to wait: from 50 ms up to 2 s, with jitter, so that
    /// workers do not come back in step.
    pub(crate) fn failed(&mut self, error: &dyn Display) -> Duration {
        if self.failures == 0 {
            self.troubles.begin(self.what, error);
        }
        self.failures = self.failures.saturating_add(1);
        let nominal = 50_u64.saturating_mul(1 << self.failures.min(6)).min(2000);
        Duration::from_millis(rand::random_range(nominal / 2..=nominal))
    }

    pub(crate) fn succeeded(&mut self) {
        if self.failures > 0 {
            self.troubles.end(self.what);
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

    #[test]
    fn pauses_grow_to_two_seconds_and_begin_anew_with_a_success() {
        let mut backoff = Backoff::new("it");
        let mut nominal = 100;
        for _ in 0..20 {
            let pause = backoff.failed(&"down").as_millis();
            assert!((nominal / 2..=nominal).contains(&pause), "{pause} of {nominal}");
            nominal = (2 * nominal).min(2000);
        }
        backoff.succeeded();
        assert!(backoff.failed(&"down").as_millis() <= 100);
    }

    #[test]
    fn trouble_lasts_until_the_last_of_a_name_is_out_of_it() {
        let troubles = Arc::new(Troubles::default());
        let [mut one, mut two] = [(); 2].map(|()| Backoff::counted("it", Arc::clone(&troubles)));
        one.failed(&"down");
        two.failed(&"down");
        one.succeeded();
        assert!(!troubles.is_none());
        drop(two);
        assert!(troubles.is_none());
    }
}
