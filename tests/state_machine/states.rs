//! The states of a work item, how each is reached, and how each is told apart.

use std::sync::Mutex;
use std::time::Duration;

use sqlx::Executor;
use uuid::Uuid;
use workpool::testing::TestDatabase;
use workpool::{
    ActionCtx, Completion, MutationCtx, OutcomeKind, Pool, Status, WorkId, Worker, Workpool,
    action, mutation, on_complete,
};

use crate::events::{Event, Kind};
use crate::hand::{Claim, End, Hand};

workpool::pool!(
    /// Where everything runs; by hand, so the limit is no matter.
    TABLE = Pool::new("table").max_parallelism(100_000)
);
pub(crate) const POOL: &str = "table";
pub(crate) const ALL: [&str; 3] = ["once", "again", "book"];

#[action(name = "once", pool = TABLE, retry = false)]
async fn once(ctx: &ActionCtx) -> anyhow::Result<i32> {
    ctx.canceled().await;
    Ok(7)
}

#[action(name = "again", pool = TABLE, retry(max_attempts = 2, initial_backoff = "1h"))]
async fn again(ctx: &ActionCtx) -> anyhow::Result<i32> {
    ctx.canceled().await;
    Ok(7)
}

#[mutation(name = "book", pool = TABLE)]
async fn book(ctx: &mut MutationCtx<'_>) -> anyhow::Result<i32> {
    ctx.canceled().await;
    Ok(7)
}

#[on_complete(name = "told", context = ())]
async fn told(ctx: &mut MutationCtx<'_>, _: Completion<(), i32>) -> anyhow::Result<()> {
    sqlx::query("SELECT 1").execute(ctx.db()).await?;
    Ok(())
}

/// Where an item is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Unknown,
    Waiting,
    Scheduled,
    Backoff,
    Running,
    CancelRequested,
    Success,
    Failed,
    Canceled,
}

pub(crate) const STATES: [State; 9] = [
    State::Unknown,
    State::Waiting,
    State::Scheduled,
    State::Backoff,
    State::Running,
    State::CancelRequested,
    State::Success,
    State::Failed,
    State::Canceled,
];

impl State {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Waiting => "waiting",
            Self::Scheduled => "scheduled",
            Self::Backoff => "backoff",
            Self::Running => "running",
            Self::CancelRequested => "cancel requested",
            Self::Success => "success",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
        }
    }

    /// The outcome of which its callback has been told.
    const fn outcome(self) -> Option<i16> {
        match self {
            Self::Success => Some(0),
            Self::Failed => Some(1),
            Self::Canceled => Some(2),
            _ => None,
        }
    }
}

/// What can be seen of an item.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seen {
    pub(crate) state: State,
    pub(crate) attempts: u32,
    status: Option<Status>,
    /// The outcomes of which callbacks have been recorded.
    calls: Vec<i16>,
}

/// An item in some state, and the worker that has, or had, its latest attempt.
pub(crate) struct Item {
    pub(crate) id: WorkId<i32>,
    pub(crate) kind: Kind,
    pub(crate) worker: Hand,
    pub(crate) claim: Claim,
}

/// A database in which nothing runs by itself, but the dead are buried.
pub(crate) struct Stage {
    database: TestDatabase,
    undertaker: Worker,
    /// Connections to be used again.
    idle: Mutex<Vec<Hand>>,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        let database = TestDatabase::create().await.unwrap_or_else(|error| panic!("{error}"));
        let workpool = database.workpool();
        workpool.db().execute(include_str!("../simulation/audit.sql")).await.unwrap();
        let undertaker = workpool.worker().only_pools(["none"]).lease(Duration::from_secs(5));
        let undertaker = undertaker.heartbeat(Duration::from_millis(20)).start().await.unwrap();
        Self { database, undertaker, idle: Mutex::default() }
    }

    pub(crate) async fn close(self) {
        self.undertaker.shutdown().await;
    }

    pub(crate) const fn workpool(&self) -> &Workpool {
        self.database.workpool()
    }

    /// One cell of the table, with an item of its own.
    pub(crate) async fn cell(
        &self,
        before: State,
        event: Event,
        after: Option<State>,
    ) -> Result<(), String> {
        let mut item = self.item(event.kind(), before).await;
        let was = self.seen(&item).await;
        assert_eq!(was.state, before, "the item could not be brought there");
        let accepted = self.happens(event, &mut item).await;
        let is = self.seen(&item).await;
        self.forget(item).await;
        let Some(after) = after else {
            return check(!accepted && is == was, || format!("it was {was:?} and is {is:?}"));
        };
        check(accepted && is.state == after, || format!("it is {is:?}, accepted: {accepted}"))?;
        let attempts = was.attempts.saturating_add_signed(event.counts());
        check(after == State::Unknown || is.attempts == attempts, || {
            format!("{attempts} attempts expected: {is:?}")
        })?;
        let told: Vec<_> = after.outcome().into_iter().collect();
        check(after == State::Unknown || is.calls == told, || format!("callbacks: {is:?}"))
    }

    /// A new item in this state.
    async fn item(&self, kind: Kind, state: State) -> Item {
        let mut worker = self.worker().await;
        let id = WorkId::new();
        let claim = match state {
            State::Unknown => None,
            State::Waiting => {
                self.enqueue(kind, id, Duration::ZERO).await;
                None
            }
            State::Scheduled => {
                self.enqueue(kind, id, Duration::from_hours(1)).await;
                None
            }
            _ => {
                self.enqueue(kind, id, Duration::ZERO).await;
                Some(worker.claim_one(POOL, &ALL).await)
            }
        };
        if let Some(claim) = claim {
            self.bring(&mut worker, id, claim, state).await;
        }
        let claim = claim.unwrap_or(Claim::new(id.uuid(), 1, 1));
        Item { id, kind, worker, claim }
    }

    /// From running to where it is wanted.
    async fn bring(&self, worker: &mut Hand, id: WorkId<i32>, claim: Claim, state: State) {
        let cancel = || async { self.workpool().cancel(id).await.unwrap() };
        match state {
            State::Backoff => assert!(worker.retry(claim, Duration::from_hours(1)).await),
            State::CancelRequested => drop(cancel().await),
            State::Success => assert!(worker.finish(claim, End::Success).await),
            State::Failed => assert!(worker.finish(claim, End::Failed).await),
            State::Canceled => {
                assert!(worker.retry(claim, Duration::from_hours(1)).await);
                cancel().await;
            }
            _ => {}
        }
    }

    pub(crate) async fn enqueue(&self, kind: Kind, id: WorkId<i32>, delay: Duration) {
        let to = self.workpool();
        match kind {
            Kind::Once => {
                once::enqueue(to, ()).id(id).run_after(delay).on_complete::<told>(()).await
            }
            Kind::Again => {
                again::enqueue(to, ()).id(id).run_after(delay).on_complete::<told>(()).await
            }
            Kind::Book => {
                book::enqueue(to, ()).id(id).run_after(delay).on_complete::<told>(()).await
            }
        }
        .unwrap();
    }

    pub(crate) async fn seen(&self, item: &Item) -> Seen {
        let status = self.workpool().status(item.id).await.unwrap();
        let calls = sqlx::query_scalar("SELECT outcome FROM audit_calls WHERE work = $1");
        let calls = calls.bind(item.id.uuid()).fetch_all(self.workpool().db()).await.unwrap();
        let attempts = status
            .as_ref()
            .map_or(0, |status| status.previous_attempts() + u32::from(status.is_running()));
        Seen { state: told_apart(status.as_ref()), attempts, status, calls }
    }

    /// A worker with a slot.
    pub(crate) async fn worker(&self) -> Hand {
        let idle = self.idle.lock().unwrap().pop();
        let hand = match idle {
            Some(hand) => hand,
            None => Hand::new(self.workpool()).await,
        };
        hand.anew(POOL, 1).await
    }

    /// Gives its connection back.
    pub(crate) fn leaves(&self, worker: Hand) {
        self.idle.lock().unwrap().push(worker);
    }

    /// So that the next item is the only one.
    async fn forget(&self, item: Item) {
        let id: Uuid = item.id.uuid();
        for sql in [
            "DELETE FROM workpool.work WHERE id = $1",
            "DELETE FROM workpool.callbacks WHERE id = $1",
        ] {
            sqlx::query(sql).bind(id).execute(self.workpool().db()).await.unwrap();
        }
        self.leaves(item.worker);
    }
}

fn told_apart(status: Option<&Status>) -> State {
    match status {
        None => State::Unknown,
        Some(Status::Pending { run_at, previous_attempts, .. }) => {
            let due = *run_at <= std::time::SystemTime::now();
            match (due, previous_attempts) {
                (true, _) => State::Waiting,
                (false, 0) => State::Scheduled,
                (false, _) => State::Backoff,
            }
        }
        Some(Status::Running { cancel_requested: true, .. }) => State::CancelRequested,
        Some(Status::Running { .. }) => State::Running,
        Some(Status::Finished(finished)) => match finished.outcome {
            OutcomeKind::Success => State::Success,
            OutcomeKind::Failed => State::Failed,
            OutcomeKind::Canceled => State::Canceled,
        },
    }
}

fn check(holds: bool, fault: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(fault()) }
}
