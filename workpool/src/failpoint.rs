//! Points at which a test has this process fail: on both sides of each commit, and inside of those
//! transactions that have several statements. Without the feature `failpoints`, which no normal
//! build has, passing one is nothing at all.
//!
//! `FAILPOINTS` says what happens where, as the crate `fail` reads it: `claim-done=1*return(kill)`.
//! The actions: `panic`; `kill` and `stop`, signals to the own process; `delay(ms)`; `cut`, the
//! connection breaks and no answer comes; a SQLSTATE, which the server answers with. Nothing happens
//! before the file `FAILPOINTS_ARMED` exists, if one is named; each hit adds a line to the file
//! `FAILPOINTS_HITS`.

#[cfg(not(feature = "failpoints"))]
pub(crate) use self::off::{answer, pass, reach};
#[cfg(feature = "failpoints")]
pub(crate) use self::on::{answer, pass, reach};

/// The name of a point. `…-send`: the server has not got the statement yet; `…-done`: it has done
/// and committed it; `…-begun`, `…-written`: inside its transaction; `…-committed`: after that.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(not(feature = "failpoints"), expect(dead_code, reason = "there it is not looked at"))]
pub(crate) struct Point(&'static str);

macro_rules! points {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        $($(#[$doc])* pub(crate) const $name: Point = Point($text);)*
    };
}

points! {
    /// One item is enqueued.
    ENQUEUE_SEND = "enqueue-send";
    ENQUEUE_DONE = "enqueue-done";
    /// Several items are enqueued in a transaction.
    BATCH_BEGUN = "batch-begun";
    BATCH_WRITTEN = "batch-written";
    BATCH_COMMITTED = "batch-committed";
    /// A caller cancels an item.
    CANCEL_BEGUN = "cancel-begun";
    CANCEL_WRITTEN = "cancel-written";
    CANCEL_COMMITTED = "cancel-committed";
    /// A caller changes the limit or the pause of a pool.
    RESIZE_BEGUN = "resize-begun";
    RESIZE_WRITTEN = "resize-written";
    RESIZE_COMMITTED = "resize-committed";
    /// The schema is made, under its lock.
    MIGRATE_BEGUN = "migrate-begun";
    MIGRATE_WRITTEN = "migrate-written";
    MIGRATE_COMMITTED = "migrate-committed";
    /// A worker registers; half: its row is there, its slots are not.
    REGISTER_SEND = "register-send";
    REGISTER_HALF = "register-half";
    REGISTER_DONE = "register-done";
    /// The listener has connected, and is to listen.
    LISTEN_SEND = "listen-send";
    LISTEN_DONE = "listen-done";
    /// A claim of items.
    CLAIM_SEND = "claim-send";
    CLAIM_DONE = "claim-done";
    /// What a claim of many items has brought is to be started.
    BEGIN = "begin";
    /// After a claim without an answer: what is marked as ours is handed back.
    RECONCILE_WRITTEN = "reconcile-written";
    RECONCILE_COMMITTED = "reconcile-committed";
    /// Slots are taken; begun: the rows of the pools are locked.
    TAKE_BEGUN = "take-begun";
    TAKE_WRITTEN = "take-written";
    TAKE_COMMITTED = "take-committed";
    /// Slots are given back to those who wait for them.
    GIVE_SEND = "give-send";
    GIVE_DONE = "give-done";
    /// The claim of an item is confirmed, and its function is to be entered.
    ENTER = "enter";
    /// The lease is renewed.
    HEARTBEAT_SEND = "heartbeat-send";
    HEARTBEAT_DONE = "heartbeat-done";
    /// The end of attempts after which the work has ended.
    FINISH_SEND = "finish-send";
    FINISH_DONE = "finish-done";
    /// The end of attempts that are followed by another.
    RETRY_SEND = "retry-send";
    RETRY_DONE = "retry-done";
    /// Attempts are handed back uncounted.
    RELEASE_SEND = "release-send";
    RELEASE_WRITTEN = "release-written";
    RELEASE_DONE = "release-done";
    /// The transaction of a mutation; ran: its body has returned; ended: the end is written.
    MUTATION_BEGUN = "mutation-begun";
    MUTATION_RAN = "mutation-ran";
    MUTATION_ENDED = "mutation-ended";
    MUTATION_COMMITTED = "mutation-committed";
    /// The same transaction when others share it; begun: they are locked, and none has run.
    GROUP_BEGUN = "group-begun";
    GROUP_RAN = "group-ran";
    GROUP_ENDED = "group-ended";
    GROUP_COMMITTED = "group-committed";
    /// A claim of callbacks.
    CALLBACK_CLAIM_SEND = "callback-claim-send";
    CALLBACK_CLAIM_DONE = "callback-claim-done";
    /// The transaction of a callback.
    CALLBACK_BEGUN = "callback-begun";
    CALLBACK_RAN = "callback-ran";
    CALLBACK_ENDED = "callback-ended";
    CALLBACK_COMMITTED = "callback-committed";
    /// That of several callbacks; begun: the first has run.
    CALLBACKS_BEGUN = "callbacks-begun";
    CALLBACKS_RAN = "callbacks-ran";
    CALLBACKS_ENDED = "callbacks-ended";
    CALLBACKS_COMMITTED = "callbacks-committed";
    /// A failed callback is put back.
    CALLBACK_RETRY_SEND = "callback-retry-send";
    CALLBACK_RETRY_DONE = "callback-retry-done";
    /// A silent worker is marked as dead.
    BURY_SEND = "bury-send";
    BURY_DONE = "bury-done";
    /// Items of a dead worker are recovered; begun: they are locked.
    RECOVER_BEGUN = "recover-begun";
    RECOVER_WRITTEN = "recover-written";
    RECOVER_COMMITTED = "recover-committed";
    /// A dead worker is forgotten; begun: its row is locked.
    INTER_BEGUN = "inter-begun";
    INTER_WRITTEN = "inter-written";
    INTER_COMMITTED = "inter-committed";
    /// A worker that shuts down removes its row.
    DEREGISTER_SEND = "deregister-send";
    DEREGISTER_DONE = "deregister-done";
    /// What has expired is deleted.
    PRUNE_SEND = "prune-send";
    PRUNE_DONE = "prune-done";
    /// The pools are read.
    SYNC_SEND = "sync-send";
    SYNC_DONE = "sync-done";
    /// Who reports a pool is decided.
    REPORT_SEND = "report-send";
    REPORT_DONE = "report-done";
}

/// What a normal build has instead.
#[cfg(not(feature = "failpoints"))]
mod off {
    use std::future::{Ready, ready};

    use super::Point;

    /// Nothing.
    #[inline]
    pub(crate) fn reach<C>(_: Point, _: C) -> Ready<Result<(), sqlx::Error>> {
        ready(Ok(()))
    }

    /// Nothing.
    #[inline]
    pub(crate) fn pass(_: Point) -> Ready<()> {
        ready(())
    }

    /// The answer as it came.
    #[inline]
    pub(crate) fn answer<T>(_: Point, answer: T) -> Ready<T> {
        ready(answer)
    }
}

#[cfg(feature = "failpoints")]
mod on {
    use std::fs::OpenOptions;
    use std::io::{Error, ErrorKind, Write};
    use std::path::Path;
    use std::process::Command;
    use std::sync::Once;
    use std::time::Duration;

    use sqlx::{Executor, Postgres};

    use super::Point;

    /// Has the server end the session that asks, which is how an administrator ends it.
    const TERMINATE: &str = "SELECT pg_terminate_backend(pg_backend_pid())";
    /// Have the server refuse a statement as it refuses one that lost against others.
    const SERIALIZATION: &str =
        "DO $$ BEGIN RAISE EXCEPTION 'a failpoint' USING ERRCODE = '40001'; END $$";
    const DEADLOCK: &str =
        "DO $$ BEGIN RAISE EXCEPTION 'a failpoint' USING ERRCODE = '40P01'; END $$";

    /// A point with a connection, which some of the actions break.
    pub(crate) async fn reach<'c>(
        point: Point,
        conn: impl Executor<'c, Database = Postgres>,
    ) -> Result<(), sqlx::Error> {
        let Some(action) = action(point) else { return Ok(()) };
        let statement = match &*action {
            "cut" | "57P01" => TERMINATE,
            "40001" => SERIALIZATION,
            "40P01" => DEADLOCK,
            _ => return perform(&action).await,
        };
        match conn.execute(statement).await {
            Err(_) if action == "cut" => Err(cut()),
            Err(error) => Err(error),
            Ok(_) => panic!("the server did not do `{action}` at {}", point.0),
        }
    }

    /// A point without a connection: its process can die, be frozen or be slow.
    pub(crate) async fn pass(point: Point) {
        if let Some(action) = action(point) {
            perform(&action).await.expect("no connection is broken where there is none");
        }
    }

    /// A point between an answer and whoever waits for it: it can also be lost.
    pub(crate) async fn answer<T>(
        point: Point,
        answer: Result<T, sqlx::Error>,
    ) -> Result<T, sqlx::Error> {
        if answer.is_ok()
            && let Some(action) = action(point)
        {
            perform(&action).await?;
        }
        answer
    }

    /// What is to happen at a point now.
    fn action(point: Point) -> Option<String> {
        static CONFIGURED: Once = Once::new();
        let named = |name| std::env::var_os(name);
        if named("FAILPOINTS_ARMED").is_some_and(|file| !Path::new(&file).exists()) {
            return None;
        }
        // Dropping the scenario would undo it.
        CONFIGURED.call_once(|| std::mem::forget(fail::FailScenario::setup()));
        let action = fail::eval(point.0, |action| action)??;
        if let Some(file) = named("FAILPOINTS_HITS") {
            let file = OpenOptions::new().create(true).append(true).open(file);
            let line = format!("{} {action}\n", point.0);
            file.and_then(|mut file| file.write_all(line.as_bytes())).expect("a hit is noted");
        }
        Some(action)
    }

    async fn perform(action: &str) -> Result<(), sqlx::Error> {
        match action {
            "panic" => panic!("a failpoint"),
            "kill" => signal("KILL"),
            "stop" => signal("STOP"),
            "cut" => return Err(cut()),
            _ => {
                let ms = action.strip_prefix("delay(").and_then(|rest| rest.strip_suffix(')'));
                let ms = ms.and_then(|ms| ms.parse().ok());
                let ms = ms.unwrap_or_else(|| panic!("no such action: {action}"));
                tokio::time::sleep(Duration::from_millis(ms)).await;
            }
        }
        Ok(())
    }

    /// Blocks this thread until the signal has arrived, so that its task gets no further. To be
    /// stopped takes a moment longer than to be told so.
    fn signal(name: &str) {
        let pid = std::process::id();
        let stopped = format!("grep -q '^State:.T' /proc/{pid}/status");
        let wait =
            format!("n=0; until {stopped} || [ $n = 500 ]; do n=$((n + 1)); sleep 0.01; done");
        let wait = if name == "STOP" { &*wait } else { "" };
        let sent = Command::new("sh").arg("-c").arg(format!("kill -{name} {pid}; {wait}")).status();
        assert!(sent.is_ok_and(|status| status.success()), "SIG{name} could not be sent");
    }

    fn cut() -> sqlx::Error {
        sqlx::Error::Io(Error::new(ErrorKind::ConnectionReset, "a failpoint cut the connection"))
    }
}
