//! Turns of many ends: one connection writes them while another one claims, since the server can do
//! both at once, and a commit more is little for so many. Unless the server is far: that takes three
//! round trips instead of one.

use std::time::Duration;

use sqlx::postgres::PgConnection;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::callbacks;
use super::ends::{self, Sent, Step};
use super::turn::Turn;
use crate::store::{Claimed, SqlResult, Turned};

/// From so many ends on that is faster than one statement for both.
pub(super) const MANY: u8 = 64;

/// Of so many samples the shortest count: the machine may be busy.
const SAMPLES: u32 = 16;
/// How long a server counts as far.
const AGAIN: Duration = Duration::from_mins(1);

/// How far the server is, as measured by what it does. Pure state, no I/O.
#[derive(Debug, Default)]
pub(super) struct Distance {
    /// To begin a transaction, which is nothing but a round trip; and to claim.
    shortest: Option<(Duration, Duration)>,
    samples: u32,
    far_until: Option<Instant>,
}

impl Distance {
    pub(super) fn is_near(&self, now: Instant) -> bool {
        self.far_until.is_none_or(|until| now >= until)
    }

    fn measured(&mut self, round_trip: Duration, claim: Duration, now: Instant) {
        let (way, work) = self.shortest.unwrap_or((round_trip, claim));
        let (way, work) = (way.min(round_trip), work.min(claim));
        (self.shortest, self.samples) = (Some((way, work)), self.samples + 1);
        if self.samples == SAMPLES {
            // Two round trips more, to do what takes a claim without its own at the same time.
            let far_until = (2 * way > work.saturating_sub(way)).then(|| now + AGAIN);
            *self = Self { far_until, ..Self::default() };
        }
    }
}

impl Turn {
    /// What came of the ends, with what was claimed, and whether that is known. The claim is committed once the
    /// ends are known to be, so that nobody sees more run than the limit; else it is rolled back.
    pub(super) async fn send_beside(
        &self,
        distance: &mut Distance,
    ) -> (SqlResult<Turned>, SqlResult<()>) {
        let (tell, told) = oneshot::channel();
        let end = async {
            // Those that call back nobody are what that statement ends too.
            let calls = self.ends.iter().any(|end| end.step() == Step::Call);
            let step = if calls { Step::Call } else { Step::Succeed };
            let sent = ends::send(&self.shared, (self.fence(), step), &self.ends, false).await;
            // Where the claim has failed, nobody waits for that.
            let _ = tell.send(sent.is_ok());
            let Sent { matched, callbacks } = sent?;
            for callback in callbacks {
                callbacks::hand_over(&self.shared, callback);
            }
            Ok(matched)
        };
        let (ended, claimed) = tokio::join!(end, self.claim_behind(told, distance));
        let (claimed, claim) = match claimed {
            Ok(claimed) => (claimed, Ok(())),
            Err(error) => (Vec::new(), Err(error)),
        };
        (ended.map(|ended| Turned { claimed, ended, marked: false }), claim)
    }

    /// Claims, and commits when it is told to.
    async fn claim_behind(
        &self,
        told: oneshot::Receiver<bool>,
        distance: &mut Distance,
    ) -> SqlResult<Vec<Claimed>> {
        let (shared, asks) = (&self.shared, &self.asks);
        let claim = async |conn: &mut PgConnection| {
            let begun = Instant::now();
            let mut tx = shared.store().begin(conn).await?;
            let round_trip = begun.elapsed();
            let claim = shared.store().claim(&mut tx, shared.worker, asks, &shared.functions);
            let claimed = claim.await?;
            distance.measured(round_trip, begun.elapsed().saturating_sub(round_trip), begun);
            if told.await == Ok(true) {
                tx.commit().await?;
                return Ok(claimed);
            }
            tx.rollback().await?;
            Ok(Vec::new())
        };
        shared.control(claim).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLAIM: Duration = Duration::from_micros(700);

    #[test]
    fn a_server_is_far_while_no_round_trip_is_short() {
        let now = Instant::now();
        let mut distance = Distance::default();
        let all = |distance: &mut Distance, us| {
            (0..SAMPLES).for_each(|_| distance.measured(Duration::from_micros(us), CLAIM, now));
        };
        all(&mut distance, 300);
        assert!(!distance.is_near(now) && distance.is_near(now + AGAIN), "it is tried again");
        all(&mut distance, 200);
        assert!(distance.is_near(now));
        for us in (0..SAMPLES).map(|n| if n == 3 { 200 } else { 5000 }) {
            distance.measured(Duration::from_micros(us), CLAIM, now);
        }
        assert!(distance.is_near(now), "a busy machine is not a far one");
    }
}
