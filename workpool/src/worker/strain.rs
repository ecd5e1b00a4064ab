//! How much longer everything takes than it needs to: where many bodies run at once on few processors, each statement waits for those of
//! others. What takes long because of that is no reason to do less of it at a time.

use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// The shortest of one or two such windows counts as what it needs.
const WINDOW: Duration = Duration::from_mins(1);
/// So many samples make up most of the mean.
const SAMPLES: u32 = 16;
/// Up to so many times the shortest are no strain.
const USUAL: f64 = 3.0;
/// Nothing is stretched further.
const MOST: f64 = 10.0;

/// As measured by beginning transactions, which is nothing but a round trip. Pure state, no I/O.
#[derive(Debug, Default)]
pub(crate) struct Strain(Mutex<Option<Samples>>);

#[derive(Debug, Clone, Copy)]
struct Samples {
    since: Instant,
    shortest: Duration,
    /// The shortest of the window before.
    before: Duration,
    mean: Duration,
}

impl Strain {
    /// A transaction was begun.
    pub(crate) fn begun(&self, took: Duration, now: Instant) {
        let mut samples = self.samples();
        let first = Samples { since: now, shortest: took, before: took, mean: took };
        let last = samples.unwrap_or(first);
        let over = now.saturating_duration_since(last.since) >= WINDOW;
        *samples = Some(Samples {
            since: if over { now } else { last.since },
            shortest: if over { took } else { last.shortest.min(took) },
            before: if over { last.shortest } else { last.before },
            mean: (last.mean * (SAMPLES - 1) + took) / SAMPLES,
        });
    }

    /// A time that is meant for a server at ease, as long as it is now.
    pub(crate) fn stretched(&self, time: Duration) -> Duration {
        let samples = *self.samples();
        let times = samples.map_or(1.0, |samples| {
            let shortest = samples.shortest.min(samples.before).max(Duration::from_micros(1));
            samples.mean.as_secs_f64() / shortest.as_secs_f64() / USUAL
        });
        time.mul_f64(times.clamp(1.0, MOST))
    }

    fn samples(&self) -> MutexGuard<'_, Option<Samples>> {
        self.0.lock().expect("no code panics with this lock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: Duration = Duration::from_millis(10);

    fn begins(strain: &Strain, ms: u64, now: Instant) {
        (0..100).for_each(|_| strain.begun(Duration::from_millis(ms), now));
    }

    #[test]
    fn times_are_stretched_while_everything_takes_longer_than_it_did() {
        let (strain, now) = (Strain::default(), Instant::now());
        assert_eq!(strain.stretched(TIME), TIME);
        begins(&strain, 5, now);
        assert_eq!(strain.stretched(TIME), TIME, "a server that is far is not a busy one");
        begins(&strain, 10, now);
        assert_eq!(strain.stretched(TIME), TIME, "that much is usual");
        begins(&strain, 60, now);
        let stretched = strain.stretched(TIME).as_millis();
        assert!(
            (35..=40).contains(&stretched),
            "{stretched} ms where a begin takes twelve times as long"
        );
        begins(&strain, 5000, now);
        assert_eq!(strain.stretched(TIME), 10 * TIME, "there is an end to it");
    }

    #[test]
    fn what_was_short_long_ago_is_forgotten() {
        let (strain, now) = (Strain::default(), Instant::now());
        begins(&strain, 1, now);
        begins(&strain, 60, now + WINDOW);
        assert!(strain.stretched(TIME) > TIME, "the window before counts");
        begins(&strain, 60, now + 2 * WINDOW);
        assert_eq!(strain.stretched(TIME), TIME, "the way has become longer");
    }
}
