//! Which workers have been silent for long enough, by the clock of this machine. A lease that looks
//! expired because the clock of the database has jumped is renewed before that, whoever asks and
//! since when.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::store::{LeaseRow, Timestamp};

/// When each worker's latest renewal was first seen.
#[derive(Debug, Default)]
pub(crate) struct Silence(HashMap<Uuid, (Timestamp, Instant)>);

impl Silence {
    /// Takes in the leases as they are now. Returns the expired ones that have not been renewed for
    /// a third of their length, which is a heartbeat at least.
    pub(crate) fn observe(&mut self, rows: &[LeaseRow], now: Instant) -> Vec<Uuid> {
        self.0.retain(|id, _| rows.iter().any(|row| row.id == *id));
        let mut silent = Vec::new();
        for row in rows {
            let seen = self.0.entry(row.id).or_insert((row.expires_at, now));
            if seen.0 != row.expires_at {
                *seen = (row.expires_at, now);
            }
            let long = Duration::from_micros(row.lease_us.unsigned_abs()) / 3;
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

    const LEASE_US: i64 = 30_000_000;

    fn row(expires_at: i64, expired: bool) -> [LeaseRow; 1] {
        let (id, expires_at) = (Uuid::nil(), Timestamp(expires_at));
        [LeaseRow { id, expires_at, lease_us: LEASE_US, expires_in_us: 0, dead: false, expired }]
    }

    #[test]
    fn a_jump_of_the_clock_is_not_silence() {
        let mut silence = Silence::default();
        let begin = Instant::now();
        let after = |seconds| begin + Duration::from_secs(seconds);
        assert!(silence.observe(&row(30, false), begin).is_empty());
        // The clock jumps, and the worker goes on renewing.
        assert!(silence.observe(&row(30, true), after(5)).is_empty());
        assert!(silence.observe(&row(35, true), after(9)).is_empty());
        assert!(silence.observe(&row(35, true), after(15)).is_empty());
        assert_eq!(silence.observe(&row(35, true), after(19)), [Uuid::nil()]);
    }
}
