//! Begins what a claim has brought. A task costs as much as a short function, so of many items a few
//! tasks begin one after another; what does not end at once goes on in a task of its own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::OptionFuture;
use tokio::runtime::Handle;

use super::executor::{self, Taken};
use super::shared::Shared;

/// Fewer have tasks of their own from the beginning.
const SEVERAL: usize = 4;
/// What takes longer before it first waits should not keep others from beginning.
const SHORT: Duration = Duration::from_micros(50);
/// So many are begun before other tasks have their turn.
const TURN: usize = 32;

/// What is still to be begun, in order.
type Queue = Mutex<std::vec::IntoIter<Taken>>;

/// Begins all. They are in hand before: what is marked as ours and not in hand is handed back.
pub(super) fn start_all(shared: &Arc<Shared>, taken: Vec<Taken>) {
    if taken.len() < SEVERAL {
        return taken.into_iter().for_each(|one| start(shared, one));
    }
    // As many as can run at the same time: what blocks a thread keeps none of the others waiting.
    let tasks = Handle::current().metrics().num_workers().min(taken.len());
    let queue = Arc::new(Queue::new(taken.into_iter()));
    for _ in 0..tasks {
        shared.attempts.spawn(begin(Arc::clone(shared), Arc::clone(&queue)));
    }
}

fn start(shared: &Arc<Shared>, one: Taken) {
    shared.attempts.spawn(executor::attempt(Arc::clone(shared), one));
}

fn next(queue: &Queue) -> Option<Taken> {
    queue.lock().expect("no code panics with this lock").next()
}

/// Begins one after another, as long as they end at once.
async fn begin(shared: Arc<Shared>, queue: Arc<Queue>) {
    let mut place = Box::pin(OptionFuture::default());
    let (mut short, mut begun, mut at) = (true, 0, Instant::now());
    while short && let Some(one) = next(&queue) {
        let begins = || {
            place.set(Some(executor::attempt(Arc::clone(&shared), one)).into());
            place.as_mut().now_or_never()
        };
        match catch_unwind(AssertUnwindSafe(begins)) {
            Ok(Some(_)) => {
                let over = Instant::now();
                short = over - at < SHORT;
                at = over;
            }
            Ok(None) => {
                let waits = std::mem::replace(&mut place, Box::pin(OptionFuture::default()));
                shared.attempts.spawn(waits);
                short = false;
            }
            // Not of the function, whose panics are caught, but of somebody's subscriber: it may panic
            // again when what is left of this one is dropped.
            Err(_) => std::mem::forget(std::mem::replace(&mut place, Box::pin(None.into()))),
        }
        begun += 1;
        if begun % TURN == 0 {
            tokio::task::yield_now().await;
            at = Instant::now();
        }
    }
    // Neither will the others end at once, probably.
    while let Some(one) = next(&queue) {
        start(&shared, one);
    }
}
