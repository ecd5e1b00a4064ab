//! The points, each with how a case gets there and what is true there.

use crate::case::Kind;

/// A call of an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    Enqueue,
    /// With an id of the caller's.
    Given,
    Batch,
    Cancel,
    Pause,
    Limit,
    Migrate,
}

impl Call {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Enqueue => "enqueue",
            Self::Given => "given",
            Self::Batch => "batch",
            Self::Cancel => "cancel",
            Self::Pause => "pause",
            Self::Limit => "limit",
            Self::Migrate => "migrate",
        }
    }
}

/// How the process under test gets to a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// A process of an application makes a call.
    Call(Call),
    /// A worker registers; the item comes later.
    Registers,
    /// A worker starts to listen; the item comes later.
    Listens,
    /// A worker gets the item.
    Flow,
    /// The item ends with a statement of its own: a mutation must fail for that.
    Ends,
    /// Its first attempt fails, and another follows.
    Retried,
    /// Its callback fails once.
    Refused,
    /// The answer to its claim is lost.
    Unanswered,
    /// It runs, and the point is passed beside it.
    InHand,
    /// It runs when the worker's grace is over.
    Grace,
    /// It runs beside a free slot that another worker wants.
    Sharing,
    /// It was canceled before, and its callback waits.
    Canceled,
    /// It is one of many mutations that are due at once, some of which share a transaction.
    Grouped,
    /// It is one of several that were canceled before, whose callbacks share a transaction.
    Told,
    /// Its worker has died, and the process under test recovers it.
    Inherited,
    /// It has ended, and the worker shuts down.
    Leaving,
}

/// What has been committed at a point: what a death there leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    /// Nothing: the item waits, or the call has not taken effect.
    Nothing,
    /// The item is claimed, and was not entered.
    Claimed,
    /// The item was entered.
    Running,
    /// All that matters: the item ends as if nothing had happened, or the call has taken effect.
    All,
}

/// A point in one stage.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) point: &'static str,
    pub(crate) stage: Stage,
    pub(crate) left: Left,
    /// Inside a transaction whose locks others need: they go on when the frozen process does.
    pub(crate) locks: bool,
}

impl Row {
    const fn new(point: &'static str, stage: Stage, left: Left) -> Self {
        Self { name: point, point, stage, left, locks: false }
    }

    const fn locks(mut self) -> Self {
        self.locks = true;
        self
    }

    const fn named(mut self, name: &'static str) -> Self {
        self.name = name;
        self
    }

    /// Whether it lies behind the commit, so that no conflict can happen any more.
    pub(crate) fn is_committed(&self) -> bool {
        self.point.ends_with("-done") || self.point.ends_with("-committed")
    }

    /// Whether it lies between the server's answer to the COMMIT of a body and the worker.
    pub(crate) fn is_answer_to_commit(&self) -> bool {
        let of = ["mutation-", "group-", "callback-", "callbacks-"];
        self.point.ends_with("-committed") && of.iter().any(|of| self.point.starts_with(of))
    }

    /// Whether it is in a task that runs one item or one callback: a panic there ends no life.
    pub(crate) fn is_of_one_item(&self) -> bool {
        match self.stage {
            Stage::Grouped | Stage::Told => true,
            Stage::Canceled => false,
            _ => ["callback-", "enter", "mutation-"].iter().any(|of| self.point.starts_with(of)),
        }
    }

    /// Whether the kind of function cannot matter, because no item is there yet, or any more.
    pub(crate) const fn is_blind(&self) -> bool {
        matches!(
            self.stage,
            Stage::Call(Call::Pause | Call::Limit | Call::Migrate)
                | Stage::Registers
                | Stage::Listens
                | Stage::Leaving
                | Stage::Told
        )
    }

    /// How many attempts of the item return an error.
    pub(crate) fn fails(&self, kind: Kind) -> u32 {
        match self.stage {
            Stage::Retried => 1,
            Stage::Ends => u32::from(kind == Kind::Book),
            _ => 0,
        }
    }
}

/// Every point of `workpool/src/failpoint.rs`.
pub(crate) fn rows() -> Vec<Row> {
    [calls(), worker(), others()].concat()
}

fn calls() -> Vec<Row> {
    use Left::{All, Nothing};
    let row = |call, point, left| Row::new(point, Stage::Call(call), left);
    vec![
        row(Call::Enqueue, "enqueue-send", Nothing),
        row(Call::Enqueue, "enqueue-done", All),
        row(Call::Given, "batch-begun", Nothing).named("given-begun"),
        row(Call::Given, "batch-written", Nothing).named("given-written"),
        row(Call::Given, "batch-committed", All).named("given-committed"),
        row(Call::Batch, "batch-begun", Nothing),
        row(Call::Batch, "batch-written", Nothing),
        row(Call::Batch, "batch-committed", All),
        row(Call::Cancel, "cancel-begun", Nothing),
        row(Call::Cancel, "cancel-written", Nothing),
        row(Call::Cancel, "cancel-committed", All),
        row(Call::Pause, "resize-begun", Nothing).named("pause-begun"),
        row(Call::Pause, "resize-written", Nothing).named("pause-written"),
        row(Call::Pause, "resize-committed", All).named("pause-committed"),
        row(Call::Limit, "resize-begun", Nothing).named("limit-begun"),
        row(Call::Limit, "resize-written", Nothing).named("limit-written"),
        row(Call::Limit, "resize-committed", All).named("limit-committed"),
        row(Call::Migrate, "migrate-begun", Nothing),
        row(Call::Migrate, "migrate-written", Nothing),
        row(Call::Migrate, "migrate-committed", All),
    ]
}

/// What a worker does with the item.
fn worker() -> Vec<Row> {
    use Left::{All, Claimed, Nothing, Running};
    use Stage::{Canceled, Ends, Flow, Grace, Grouped, Refused, Retried, Told, Unanswered};
    vec![
        Row::new("take-begun", Flow, Nothing).locks(),
        Row::new("take-written", Flow, Nothing).locks(),
        Row::new("take-committed", Flow, Nothing),
        Row::new("claim-send", Flow, Nothing),
        Row::new("claim-done", Flow, Claimed),
        Row::new("reconcile-written", Unanswered, Claimed).locks(),
        Row::new("reconcile-committed", Unanswered, Nothing),
        Row::new("enter", Flow, Claimed),
        Row::new("finish-send", Ends, Running),
        Row::new("finish-done", Ends, All),
        Row::new("retry-send", Retried, Running),
        Row::new("retry-done", Retried, All),
        Row::new("release-send", Grace, Running),
        Row::new("release-written", Grace, Running).locks(),
        Row::new("release-done", Grace, All),
        Row::new("mutation-begun", Flow, Claimed),
        Row::new("mutation-ran", Flow, Running),
        Row::new("mutation-ended", Flow, Running).locks(),
        Row::new("mutation-committed", Flow, All),
        Row::new("group-begun", Grouped, Running).locks(),
        Row::new("group-ran", Grouped, Running).locks(),
        Row::new("group-ended", Grouped, Running).locks(),
        Row::new("group-committed", Grouped, All),
        Row::new("callback-claim-send", Canceled, All),
        Row::new("callback-claim-done", Canceled, All),
        Row::new("callback-begun", Flow, All),
        Row::new("callback-ran", Flow, All),
        Row::new("callback-ended", Flow, All).locks(),
        Row::new("callback-committed", Flow, All),
        Row::new("callbacks-begun", Told, All),
        Row::new("callbacks-ran", Told, All),
        Row::new("callbacks-ended", Told, All).locks(),
        Row::new("callbacks-committed", Told, All),
        Row::new("callback-retry-send", Refused, All),
        Row::new("callback-retry-done", Refused, All),
    ]
}

/// What a worker does beside it.
fn others() -> Vec<Row> {
    use Left::{All, Nothing, Running};
    use Stage::{InHand, Inherited, Leaving, Listens, Registers, Sharing};
    vec![
        Row::new("register-send", Registers, Nothing),
        Row::new("register-half", Registers, Nothing),
        Row::new("register-done", Registers, Nothing),
        Row::new("listen-send", Listens, Nothing),
        Row::new("listen-done", Listens, Nothing),
        Row::new("give-send", Sharing, Running),
        Row::new("give-done", Sharing, Running),
        Row::new("heartbeat-send", InHand, Running),
        Row::new("heartbeat-done", InHand, Running),
        Row::new("sync-send", InHand, Running),
        Row::new("sync-done", InHand, Running),
        Row::new("prune-send", InHand, Running),
        Row::new("prune-done", InHand, Running),
        Row::new("report-send", InHand, Running),
        Row::new("report-done", InHand, Running),
        Row::new("bury-send", Inherited, All),
        Row::new("bury-done", Inherited, All),
        Row::new("recover-begun", Inherited, All).locks(),
        Row::new("recover-written", Inherited, All).locks(),
        Row::new("recover-committed", Inherited, All),
        Row::new("inter-begun", Inherited, All).locks(),
        Row::new("inter-written", Inherited, All).locks(),
        Row::new("inter-committed", Inherited, All),
        Row::new("deregister-send", Leaving, All),
        Row::new("deregister-done", Leaving, All),
    ]
}
