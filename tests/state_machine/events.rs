//! What can happen to a work item, and how a test makes it happen.

use std::time::Duration;

use workpool::Cancel;

use crate::hand::{Claim, End};
use crate::states::{ALL, Item, POOL, Stage, State};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An action without retries.
    Once,
    /// An action with two attempts.
    Again,
    /// A mutation.
    Book,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// A worker with a free slot looks for work.
    Claim,
    /// The latest attempt ends well.
    Success,
    /// It ends badly, and none is left.
    LastFailure,
    /// It ends badly, and another is left.
    Failure,
    /// It was never entered.
    Release,
    /// The answer to its claim was lost, so it was never entered.
    LostClaim,
    /// Ends of a claim before the latest one.
    StaleSuccess,
    StaleFailure,
    StaleRelease,
    /// The end of the latest attempt, from a worker that does not have it.
    ForeignSuccess,
    Cancel,
    /// Time passes.
    Due,
    /// The worker of the latest attempt dies.
    OnceDies,
    AgainDies,
    /// On its last attempt.
    AgainDiesLast,
    BookDies,
    /// After five other workers died of it.
    BookIsPoison,
    /// The same id once more.
    EnqueueAgain,
    /// And resuming: it does not touch items.
    Pause,
    /// The time for which the status is kept is over.
    Expiry,
}

pub(crate) const EVENTS: [Event; 20] = [
    Event::Claim,
    Event::Success,
    Event::LastFailure,
    Event::Failure,
    Event::Release,
    Event::LostClaim,
    Event::StaleSuccess,
    Event::StaleFailure,
    Event::StaleRelease,
    Event::ForeignSuccess,
    Event::Cancel,
    Event::Due,
    Event::OnceDies,
    Event::AgainDies,
    Event::AgainDiesLast,
    Event::BookDies,
    Event::BookIsPoison,
    Event::EnqueueAgain,
    Event::Pause,
    Event::Expiry,
];

impl Event {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Claim => "claim",
            Self::Success => "success",
            Self::LastFailure => "last failure",
            Self::Failure => "failure",
            Self::Release => "release",
            Self::LostClaim => "lost claim",
            Self::StaleSuccess => "stale success",
            Self::StaleFailure => "stale failure",
            Self::StaleRelease => "stale release",
            Self::ForeignSuccess => "foreign success",
            Self::Cancel => "cancel",
            Self::Due => "due",
            Self::OnceDies => "once dies",
            Self::AgainDies => "again dies",
            Self::AgainDiesLast => "again dies last",
            Self::BookDies => "book dies",
            Self::BookIsPoison => "book is poison",
            Self::EnqueueAgain => "enqueue again",
            Self::Pause => "pause",
            Self::Expiry => "expiry",
        }
    }

    /// The kind of item that it is about.
    pub(crate) const fn kind(self) -> Kind {
        match self {
            Self::OnceDies => Kind::Once,
            Self::BookDies | Self::BookIsPoison => Kind::Book,
            _ => Kind::Again,
        }
    }

    /// What it adds to the attempts.
    pub(crate) const fn counts(self) -> i32 {
        match self {
            Self::Claim => 1,
            // What was claimed and never entered does not count.
            Self::Release | Self::LostClaim => -1,
            _ => 0,
        }
    }
}

const LATER: Duration = Duration::from_hours(1);

impl Stage {
    /// Makes it happen. Whether it did anything.
    pub(crate) async fn happens(&self, event: Event, item: &mut Item) -> bool {
        let claim = item.claim;
        let stale = Claim { fence: claim.fence - 1, ..claim };
        match event {
            Event::Claim => {
                let mut other = self.worker().await;
                let claimed = other.claim(POOL, 1, 0, &ALL).await;
                self.leaves(other);
                !claimed.is_empty()
            }
            Event::Success => item.worker.finish(claim, End::Success).await,
            Event::LastFailure => item.worker.finish(claim, End::Failed).await,
            // What is not put back, somebody has canceled.
            Event::Failure => {
                item.worker.retry(claim, LATER).await
                    || item.worker.finish(claim, End::Canceled).await
            }
            Event::Release => {
                item.worker.release(claim, false).await
                    || item.worker.finish(claim, End::Canceled).await
            }
            Event::LostClaim => !item.worker.release_unknown().await.is_empty(),
            Event::StaleSuccess => item.worker.finish(stale, End::Success).await,
            Event::StaleFailure => {
                item.worker.retry(stale, LATER).await
                    || item.worker.finish(stale, End::Failed).await
            }
            Event::StaleRelease => {
                item.worker.release(stale, false).await || item.worker.release(stale, true).await
            }
            Event::ForeignSuccess => {
                let mut foreign = self.worker().await;
                let done = foreign.finish(claim, End::Success).await;
                self.leaves(foreign);
                done
            }
            Event::Cancel => self.is_canceled(item).await,
            Event::Due | Event::Expiry => self.time_passes(event, item).await,
            Event::OnceDies
            | Event::AgainDies
            | Event::AgainDiesLast
            | Event::BookDies
            | Event::BookIsPoison => self.dies(event, item).await,
            Event::EnqueueAgain => {
                let before = self.seen(item).await.state;
                self.enqueue(item.kind, item.id, Duration::ZERO).await;
                self.seen(item).await.state != before
            }
            Event::Pause => {
                let pool = self.workpool().pool(POOL);
                pool.pause().await.unwrap();
                let claimed = self.happens_while_paused(item).await;
                pool.resume().await.unwrap();
                claimed
            }
        }
    }

    /// Nobody gets a slot of a paused pool.
    async fn happens_while_paused(&self, item: &mut Item) -> bool {
        let running = i64::from(self.seen(item).await.state == State::Running);
        !item.worker.claim(POOL, 1, running, &ALL).await.is_empty()
    }

    /// The answer must say what was found.
    async fn is_canceled(&self, item: &Item) -> bool {
        let before = self.seen(item).await.state;
        let answer = self.workpool().cancel(item.id).await.unwrap();
        let right = match before {
            State::Unknown => Cancel::Unknown,
            State::Waiting | State::Scheduled | State::Backoff => Cancel::Canceled,
            State::Running | State::CancelRequested => Cancel::Requested,
            State::Success | State::Failed | State::Canceled => Cancel::AlreadyFinished,
        };
        assert_eq!(answer, right, "the answer to a cancel in {}", before.name());
        matches!(answer, Cancel::Canceled | Cancel::Requested)
    }

    async fn time_passes(&self, event: Event, item: &mut Item) -> bool {
        const DUE: &str = "UPDATE workpool.work SET run_at = statement_timestamp()
            WHERE id = $1 AND run_at > statement_timestamp()";
        const EXPIRED: &str =
            "UPDATE workpool.finished SET expires_at = statement_timestamp() WHERE id = $1";
        let sql = if event == Event::Due { DUE } else { EXPIRED };
        let query = sqlx::query(sql).bind(item.id.uuid());
        let rows = query.execute(&mut item.worker.conn).await.unwrap().rows_affected();
        if event == Event::Expiry {
            item.worker.prune().await;
        }
        rows > 0
    }

    /// The worker that has, or had, the latest attempt dies, and is recovered by a living one.
    async fn dies(&self, event: Event, item: &mut Item) -> bool {
        let before = self.seen(item).await.state;
        let sql = match event {
            Event::AgainDiesLast => "UPDATE workpool.work SET max_attempts = 1 WHERE id = $1",
            Event::BookIsPoison => "UPDATE workpool.work SET lost = 5 WHERE id = $1",
            _ => "SELECT $1",
        };
        sqlx::query(sql).bind(item.id.uuid()).execute(&mut item.worker.conn).await.unwrap();
        item.worker.die().await;
        let left = "SELECT count(*) FROM workpool.slots WHERE worker = $1";
        for _ in 0..5000 {
            let left = sqlx::query_scalar(left).bind(item.worker.worker);
            let left: i64 = left.fetch_one(&mut item.worker.conn).await.unwrap();
            if left == 0 {
                return self.seen(item).await.state != before;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        panic!("the dead worker is not recovered");
    }
}
