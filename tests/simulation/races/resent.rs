//! Enqueues that are sent again, when what was stored the first time may have run and be forgotten.

use std::time::Duration;

use uuid::Uuid;
use workpool::{Error, sqlx};
use workpool_tests::{Fault, Loses};

use crate::functions::{How, Task, again};
use crate::hand::Hand;
use crate::line::{Line, MENDED};

const fn task(how: How) -> Task {
    Task { how, fails: 0 }
}

/// A line, and what forgets soon after an end; it runs as long as this is kept.
async fn forgetful() -> (Line, tokio::task::JoinHandle<()>) {
    let line = Line::new().await;
    let near = line.world.workpool();
    let ttl = "UPDATE workpool.pools SET status_ttl_ms = 1";
    sqlx::query(ttl).execute(near.db()).await.unwrap();
    let mut hand = Hand::new(near).await;
    let prune = tokio::spawn(async move {
        loop {
            hand.prune().await;
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
    (line, prune)
}

fn entries(line: &Line, id: Uuid) -> usize {
    line.world.notes().entries(id).len()
}

#[tokio::test]
async fn what_may_have_run_and_be_forgotten_is_not_stored_again() {
    let (line, prune) = forgetful().await;
    let worker = line.world.worker_here().start().await.unwrap();
    line.proxy.arm(line.loses(Loses::Answer, "enqueue_alike"));
    let id = match again::enqueue(&line.far, task(How::Takes(0))).await {
        Err(Error::Unconfirmed { id, .. }) => id,
        // On a busy machine it may not be forgotten yet.
        answer => answer.unwrap().uuid(),
    };
    line.struck().await;
    line.world.quiet(MENDED).await;
    assert_eq!(entries(&line, id), 1);
    worker.shutdown().await;
    prune.abort();
}

#[tokio::test]
async fn of_a_batch_nothing_is_stored_again_when_one_is_known() {
    let (line, prune) = forgetful().await;
    let worker = line.world.worker_here().start().await.unwrap();
    line.proxy.arm(Fault::new(Loses::Answer, "COMMIT"));
    let tasks = [How::Waits, How::Takes(0), How::Takes(0)].map(task);
    let ids = again::enqueue_batch(&line.far, tasks).await.unwrap();
    line.struck().await;
    line.world.open_gate();
    line.world.quiet(MENDED).await;
    assert_eq!(ids.iter().map(|id| entries(&line, id.uuid())).collect::<Vec<_>>(), [1, 1, 1]);
    worker.shutdown().await;
    prune.abort();
}
