//! Turns of many ends: one connection writes them while another one claims, since the server can do
//! both at once, and a commit more is little for so many. Unless the server is far: that takes two
//! round trips instead of one, and three where the claim has to begin its transaction.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::callbacks;
use super::ends::{self, Sent, Step};
use super::turn::Turn;
use crate::meter;
use crate::store::{Chain, Claimed, Link, SqlResult, Turned};

/// From so many ends on that is faster than one statement for both.
pub(super) const MANY: u8 = 64;

/// Of so many samples the shortest count: the machine may be busy.
const SAMPLES: u32 = 8;
/// How long a server counts as far, and for how many turns as near.
const AGAIN: Duration = Duration::from_mins(1);
const NEAR: u32 = 256;
/// How long a transaction is there for the next turn.
const PATIENCE: Duration = Duration::from_millis(20);

/// How far the server is, as measured by what it does. Pure state, no I/O.
#[derive(Debug, Default)]
struct Distance {
    /// To begin a transaction, which is nothing but a round trip; and to claim.
    shortest: Option<(Duration, Duration)>,
    samples: u32,
    far_until: Option<Instant>,
    /// So many turns more need not measure.
    near: u32,
}

impl Distance {
    fn is_near(&self, now: Instant) -> bool {
        self.far_until.is_none_or(|until| now >= until)
    }

    fn measured(&mut self, round_trip: Duration, claim: Duration, now: Instant) {
        let (way, work) = self.shortest.unwrap_or((round_trip, claim));
        let (way, work) = (way.min(round_trip), work.min(claim));
        (self.shortest, self.samples) = (Some((way, work)), self.samples + 1);
        if self.samples == SAMPLES {
            // A round trip and a wait for the disk more, to do what takes a claim without its own at the
            // same time.
            let far = 2 * way > work.saturating_sub(way);
            let near = if far { 0 } else { NEAR };
            *self = Self { far_until: far.then(|| now + AGAIN), near, ..Self::default() };
        }
    }

    /// Whether the next turn need not measure. Each asks once.
    const fn is_known(&mut self) -> bool {
        let known = self.near > 0;
        self.near = self.near.saturating_sub(1);
        known
    }
}

/// What these turns leave to the next one.
#[derive(Default)]
pub(super) struct Beside {
    distance: Distance,
    /// The transaction that has begun for its claim, and until when it is kept.
    begun: Option<(Chain, Instant)>,
}

impl Beside {
    pub(super) fn is_near(&self, now: Instant) -> bool {
        self.distance.is_near(now)
    }

    pub(super) fn until(&self) -> Option<Instant> {
        self.begun.as_ref().map(|(_, until)| *until)
    }

    /// Ends the transaction once it is due: nobody should see one in which nothing is done.
    pub(super) async fn rest(&mut self, now: Instant) {
        if self.until().is_some_and(|until| now >= until) {
            self.end().await;
        }
    }

    /// Ends the transaction. After an error its connection is closed.
    pub(super) async fn end(&mut self) {
        if let Some((chain, _)) = self.begun.take() {
            let _ = chain.roll_back().await;
        }
    }

    /// The transaction for a claim; and what it took, if it had to begin.
    async fn begin(&mut self, link: &Link) -> SqlResult<(Chain, Option<Duration>)> {
        if let Some((chain, _)) = self.begun.take() {
            return Ok((chain, None));
        }
        let begun = Instant::now();
        let chain = Chain::begin(link).await?;
        Ok((chain, Some(begun.elapsed())))
    }

    async fn commit(&mut self, chain: Chain) -> SqlResult<()> {
        if !self.distance.is_known() {
            return chain.commit().await;
        }
        let next = chain.commit_and_chain().await?;
        self.begun = next.map(|chain| (chain, Instant::now() + PATIENCE));
        Ok(())
    }
}

impl Turn {
    /// What came of the ends, with what was claimed, and whether that is known. The claim is committed once the
    /// ends are known to be, so that nobody sees more run than the limit; else it is rolled back.
    pub(super) async fn send_beside(
        &self,
        beside: &mut Beside,
    ) -> (SqlResult<Turned>, SqlResult<()>) {
        // Before the server has anything else to do, which it may put before the answer.
        let begun = beside.begin(&self.shared.connections.control).await;
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
        let (ended, claimed) = tokio::join!(end, self.claim_behind(begun, told, beside));
        let (claimed, claim) = match claimed.inspect_err(meter::failed) {
            Ok(claimed) => (claimed, Ok(())),
            Err(error) => (Vec::new(), Err(error)),
        };
        (ended.map(|ended| Turned { claimed, ended, marked: false }), claim)
    }

    /// Claims, and commits when it is told to.
    async fn claim_behind(
        &self,
        begun: SqlResult<(Chain, Option<Duration>)>,
        told: oneshot::Receiver<bool>,
        beside: &mut Beside,
    ) -> SqlResult<Vec<Claimed>> {
        let (shared, asks) = (&self.shared, &self.asks);
        let ((mut chain, round_trip), begun) = (begun?, Instant::now());
        let claim = chain.step(async |conn| {
            shared.store().claim(conn, shared.worker, asks, &shared.functions).await?.read()
        });
        let claimed = claim.await?;
        if let Some(round_trip) = round_trip {
            beside.distance.measured(round_trip, begun.elapsed(), begun);
        }
        if told.await == Ok(true) {
            beside.commit(chain).await?;
            return Ok(claimed);
        }
        chain.roll_back().await?;
        Ok(Vec::new())
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
        assert_eq!((0..=NEAR).filter(|_| distance.is_known()).count(), NEAR as usize);
    }
}
