//! How the many items of one claim begin: together, whatever one of them does.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use workpool::{ActionCtx, Pool, action};
use workpool_tests::{Events, Stage, Witness, eventually};

use crate::functions::gated;

const ITEMS: usize = 24;

workpool::pool!(
    /// All of them at once.
    WIDE = Pool::new("wide").max_parallelism(24)
);

/// A gate at which a thread waits, not a task.
static OPEN: (Mutex<bool>, Condvar) = (Mutex::new(false), Condvar::new());

/// So long a thread waits there: if none is left, this process does nothing else meanwhile.
const PATIENCE: Duration = Duration::from_secs(20);

/// Number 0 blocks its thread.
#[action(pool = WIDE)]
async fn wide(ctx: &ActionCtx, number: usize) -> workpool::Result<()> {
    if number == 0 {
        let closed = OPEN.0.lock().unwrap();
        drop(OPEN.1.wait_timeout_while(closed, PATIENCE, |open| !*open).unwrap());
    }
    ctx.state::<Witness>().saw(number.to_string());
    Ok(())
}

/// Items that one claim takes, numbered from this on.
async fn claimed_together(stage: &Stage, first: usize) {
    stage.workpool().pool("wide").pause().await.unwrap();
    wide::enqueue_batch(stage.workpool(), first..first + ITEMS).await.unwrap();
    stage.workpool().pool("wide").resume().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn one_that_blocks_its_thread_keeps_no_other_from_beginning() {
    let stage = Stage::new().await;
    let _worker = stage.start().await;
    claimed_together(&stage, 0).await;
    eventually("all others have ended", async || stage.unfinished().await == 1).await;
    *OPEN.0.lock().unwrap() = true;
    OPEN.1.notify_all();
    eventually("it has ended too", async || stage.unfinished().await == 0).await;
}

#[tokio::test]
async fn those_that_wait_are_begun_together() {
    let stage = Stage::new().await;
    stage.workpool().pool("gated").set_max_parallelism(24).await.unwrap();
    let _worker = stage.start().await;
    gated::enqueue_batch(stage.workpool(), vec!["wide".to_owned(); ITEMS]).await.unwrap();
    stage.gates.arrived("wide", ITEMS).await;
    stage.gates.open("wide");
    eventually("all have ended", async || stage.unfinished().await == 0).await;
    assert_eq!(stage.witness.most_at_once("wide"), ITEMS);
}

/// Somebody's subscriber, which panics in the first attempt that it hears of.
#[derive(Default)]
struct Panics(AtomicBool);

impl Subscriber for Panics {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "workpool" && metadata.name() == "attempt"
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, _: &Id) {
        assert!(self.0.swap(true, Ordering::Relaxed), "a subscriber panics");
    }

    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn a_subscriber_that_panics_in_one_keeps_no_other_from_beginning() {
    let stage = Stage::new().await;
    let _quiet = Events::collect();
    let _panics = tracing::subscriber::set_default(Panics::default());
    let _worker = stage.start().await;
    claimed_together(&stage, 1).await;
    eventually("all others have ended", async || stage.unfinished().await == 1).await;
}
