//! Where the claims of a pool begin to look. Entries of what has ended lie before what is due, and
//! while somebody holds an old snapshot nothing takes them away. Where the walk over them has become
//! long, claims begin a little before now, and a survey beside them looks at the rest.

use std::time::Duration;

use tokio::time::Instant;

use crate::store::{Claimed, Timestamp};

/// How long a claim may skip what lies before the last item of a full one.
const SKIP: Duration = Duration::from_secs(1);
/// A claim or a survey from the beginning that takes the server longer walks over too much.
const LONG: Duration = Duration::from_millis(10);
/// So much before a claim is looked at again by the next: what was enqueued then may be committed
/// only now.
const LATE: Duration = Duration::from_secs(5);
/// A survey may take a twentieth of the time, but is never further apart than that.
const SHARE: u32 = 20;
const FAR: Duration = Duration::from_secs(5);
/// When a survey has not answered.
const UNANSWERED: Duration = Duration::from_mins(1);

#[derive(Debug)]
pub(crate) struct Bounds {
    /// The due time of the last item of a full claim, and until when the next may begin there.
    last: (Timestamp, Instant),
    /// All that was due before has been claimed, but for what came late.
    seen: Timestamp,
    /// While claims begin at `seen`: when to look at what is before.
    survey_at: Option<Instant>,
    /// What of the time of a claim is that of the way to the server, as far as is known.
    way: Duration,
}

/// What a survey found out.
#[derive(Debug)]
pub(crate) struct Survey {
    /// The pools in which something waits before the floor.
    pub(crate) found: Vec<String>,
    /// How long the server took.
    pub(crate) took: Duration,
    /// And everything else.
    pub(crate) way: Duration,
}

/// What a claim found out.
pub(crate) struct Walk {
    /// Where it began.
    pub(crate) since: Timestamp,
    /// How long it took.
    pub(crate) took: Duration,
    /// Of the last item that it claimed: when it was due, and claimed.
    pub(crate) last: Option<(Timestamp, Timestamp)>,
    /// It claimed all that was asked for: there may be more.
    pub(crate) full: bool,
}

impl Walk {
    pub(crate) fn last_of(rows: &[Claimed]) -> Option<(Timestamp, Timestamp)> {
        rows.last().map(|row| (row.run_at, row.at))
    }
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            last: (Timestamp::EPOCH, Instant::now()),
            seen: Timestamp::EPOCH,
            survey_at: None,
            way: Duration::ZERO,
        }
    }
}

impl Bounds {
    /// Where a claim begins.
    pub(crate) fn since(&self, now: Instant) -> Timestamp {
        let (last, until) = self.last;
        if now < until { last } else { self.floor() }
    }

    /// Where a look at what is due begins.
    pub(crate) fn floor(&self) -> Timestamp {
        self.survey_at.map_or(Timestamp::EPOCH, |_| self.seen)
    }

    pub(crate) fn claimed(&mut self, walk: &Walk, now: Instant) {
        let (_, until) = self.last;
        // Skipping goes on only while there is more than we can take: else a late commit would wait.
        self.last = match walk.last.filter(|_| walk.full) {
            Some((last, _)) if now < until => (last, until),
            Some((last, _)) => (last, now + SKIP),
            None => (Timestamp::EPOCH, now),
        };
        if let Some((last, at)) = walk.last {
            let late = at.before(LATE);
            self.seen = if walk.full { late.min(last) } else { late };
        }
        if self.survey_at.is_none() && walk.since == Timestamp::EPOCH && self.seen > walk.since {
            self.survey_at = next(walk.took.saturating_sub(self.way), now);
        }
    }

    /// When to survey what lies before the floor.
    pub(crate) const fn survey_at(&self) -> Option<Instant> {
        self.survey_at
    }

    /// Begins a survey, if it is time: of what lies before this.
    pub(crate) fn survey(&mut self, now: Instant) -> Option<Timestamp> {
        self.survey_at.filter(|&at| now >= at)?;
        self.survey_at = Some(now + UNANSWERED);
        Some(self.seen)
    }

    /// Takes in the answer: whether there is due work before the floor. None: nobody knows.
    pub(crate) fn surveyed(&mut self, survey: Option<(bool, &Survey)>, now: Instant) {
        let Some((found, survey)) = survey else {
            self.survey_at = Some(now + FAR);
            return;
        };
        self.way = survey.way;
        // When there is, the next claim begins at the beginning.
        self.survey_at = if found { None } else { next(survey.took, now) };
    }
}

/// When to survey after a walk from the beginning; none: it is short enough for each claim.
fn next(took: Duration, now: Instant) -> Option<Instant> {
    (took > LONG).then(|| now + (took * SHARE).min(FAR))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(seconds: i64) -> Timestamp {
        Timestamp(seconds * 1_000_000)
    }

    fn walk(since: Timestamp, took: Duration, full: bool) -> Walk {
        Walk { since, took, last: Some((at(100), at(103))), full }
    }

    fn survey(took: Duration, way: Duration) -> Survey {
        Survey { found: Vec::new(), took, way }
    }

    #[test]
    fn a_full_claim_is_followed_up_for_a_second() {
        let (mut bounds, now) = (Bounds::default(), Instant::now());
        bounds.claimed(&walk(Timestamp::EPOCH, Duration::ZERO, true), now);
        assert_eq!(bounds.since(now), at(100));
        bounds.claimed(&walk(at(100), Duration::ZERO, true), now + SECOND / 2);
        assert_eq!(bounds.since(now + SECOND), Timestamp::EPOCH, "however many follow");
        bounds.claimed(&walk(Timestamp::EPOCH, Duration::ZERO, true), now);
        bounds.claimed(&walk(at(100), Duration::ZERO, false), now);
        assert_eq!(bounds.since(now), Timestamp::EPOCH, "there is no more: all is looked at");
    }

    #[test]
    fn short_walks_begin_at_the_beginning() {
        let (mut bounds, now) = (Bounds::default(), Instant::now());
        bounds.claimed(&walk(Timestamp::EPOCH, LONG, false), now);
        assert_eq!((bounds.since(now), bounds.survey_at()), (Timestamp::EPOCH, None));
        // Long, but not from the beginning.
        bounds.claimed(&walk(at(1), SECOND, false), now);
        assert_eq!((bounds.since(now), bounds.survey_at()), (Timestamp::EPOCH, None));
    }

    #[test]
    fn after_a_long_walk_claims_begin_late_and_a_survey_looks_at_the_rest() {
        let (mut bounds, now) = (Bounds::default(), Instant::now());
        let long = 4 * LONG;
        bounds.claimed(&walk(Timestamp::EPOCH, long, false), now);
        assert_eq!((bounds.since(now), bounds.floor()), (at(98), at(98)), "five seconds before");
        assert_eq!(bounds.survey(now), None, "not at once");
        let then = now + long * SHARE;
        assert_eq!(bounds.survey(then), Some(at(98)));
        assert_eq!(bounds.survey(then), None, "one at a time");
        bounds.surveyed(Some((false, &survey(long, Duration::ZERO))), then);
        assert_eq!(bounds.floor(), at(98), "the walk is as long as before");
        bounds.surveyed(None, then);
        assert_eq!(bounds.survey_at(), Some(then + FAR), "nobody knows");
        bounds.surveyed(Some((false, &survey(LONG, Duration::ZERO))), then);
        assert_eq!(bounds.floor(), Timestamp::EPOCH, "it is short again");
    }

    #[test]
    fn a_long_way_is_no_long_walk() {
        let (mut bounds, now, way) = (Bounds::default(), Instant::now(), 3 * LONG);
        bounds.claimed(&walk(Timestamp::EPOCH, way + LONG / 2, false), now);
        assert!(bounds.survey_at().is_some(), "it cannot know yet");
        bounds.surveyed(Some((false, &survey(LONG / 2, way))), now);
        bounds.claimed(&walk(Timestamp::EPOCH, way + LONG, false), now);
        assert_eq!(bounds.survey_at(), None);
        bounds.claimed(&walk(Timestamp::EPOCH, way + 2 * LONG, false), now);
        assert!(bounds.survey_at().is_some());
    }

    #[test]
    fn what_a_survey_finds_is_claimed_from_the_beginning() {
        let (mut bounds, now) = (Bounds::default(), Instant::now());
        bounds.claimed(&walk(Timestamp::EPOCH, SECOND, false), now);
        bounds.surveyed(Some((true, &survey(SECOND, Duration::ZERO))), now);
        assert_eq!(bounds.since(now), Timestamp::EPOCH);
        // Somebody else has got it: the walk is still long.
        bounds.claimed(&Walk { last: None, ..walk(Timestamp::EPOCH, SECOND, false) }, now);
        assert_eq!(bounds.floor(), at(98));
    }

    #[test]
    fn a_long_backlog_is_never_skipped() {
        let (mut bounds, now) = (Bounds::default(), Instant::now());
        let backlog =
            Walk { last: Some((at(10), at(103))), ..walk(Timestamp::EPOCH, SECOND, true) };
        bounds.claimed(&backlog, now);
        assert_eq!(
            bounds.since(now + 2 * SECOND),
            at(10),
            "the next item may be due at the same time"
        );
    }
}
