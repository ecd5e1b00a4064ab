//! Which workers have been silent for long enough, by the clock of this machine. A lease that looks
//! expired because the clock of the database has jumped is renewed before that.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::store::{LeaseRow, Timestamp};

/// When each worker's latest renewal was first seen.
#[derive(Debug, Default)]
pub(crate) struct Silence(HashMap<Uuid, (Timestamp, Instant)>);

impl Silence {
    /// Takes in the leases as they are now. Returns the expired ones that have not changed for
    /// `long`, which is several heartbeats.
    pub(crate) fn observe(&mut self, rows: &[LeaseRow], now: Instant, long: Duration) -> Vec<Uuid> {
        self.0.retain(|id, _| rows.iter().any(|row| row.id == *id));
        let mut silent = Vec::new();
        for row in rows {
            let seen = self.0.entry(row.id).or_insert((row.expires_at, now));
            if seen.0 != row.expires_at {
                *seen = (row.expires_at, now);
            }
            if row.dead || (row.expired && now.duration_since(seen.1) >= long) {
                silent.push(row.id);
            }
        }
        silent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_of_the_clock_is_not_silence() {
        let (id, long) = (Uuid::nil(), Duration::from_secs(10));
        let row = |expires_at, expired| {
            [LeaseRow { id, expires_at: Timestamp(expires_at), dead: false, expired }]
        };
        let mut silence = Silence::default();
        let begin = Instant::now();
        let after = |seconds| begin + Duration::from_secs(seconds);
        assert!(silence.observe(&row(30, false), begin, long).is_empty());
        // The clock jumps, and the worker goes on renewing.
        assert!(silence.observe(&row(30, true), after(5), long).is_empty());
        assert!(silence.observe(&row(35, true), after(9), long).is_empty());
        assert!(silence.observe(&row(35, true), after(15), long).is_empty());
        assert_eq!(silence.observe(&row(35, true), after(19), long), [id]);
    }
}
