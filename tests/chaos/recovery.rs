//! How long what a dead worker held had to wait until somebody recovered it.

use std::time::Duration;

use crate::books::{Books, Step};
use crate::clock::Moment;
use crate::fleet::Death;

/// The times of all recovered items, in order.
#[derive(Debug, Default)]
pub(crate) struct Times(Vec<Duration>);

impl Times {
    pub(crate) fn of(deaths: &[Death], books: &Books, lease: Duration) -> Self {
        let mut killed = std::collections::HashMap::new();
        for death in deaths {
            // Its last life: a process that lost its lease registers again.
            let mut lives = books.lives.iter().filter(|life| {
                life.pid == i64::from(death.pid)
                    && life.what == "registered"
                    && Moment(life.at_us) <= death.at
            });
            if let Some(life) = lives.next_back() {
                killed.insert(life.worker, death.at);
            }
        }
        let mut times = Vec::new();
        for step in books.moves.values().flatten() {
            let over = matches!(step.what, Step::Back | Step::End);
            let death = step.worker.and_then(|worker| killed.get(&worker));
            let Some(death) = death.filter(|_| over) else { continue };
            let time = step.at.since(*death);
            // What its server process still did when it died is no recovery.
            if time > lease / 4 {
                times.push(time);
            }
        }
        times.sort_unstable();
        Self(times)
    }

    pub(crate) fn all(&self) -> &[Duration] {
        &self.0
    }

    /// The time within which so many of a hundred were recovered.
    pub(crate) fn percentile(&self, percent: usize) -> Duration {
        let at = (self.0.len() * percent).div_ceil(100).saturating_sub(1);
        self.0.get(at).copied().unwrap_or_default()
    }
}
