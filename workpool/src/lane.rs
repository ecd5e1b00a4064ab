//! Enqueues of one pool that are under way at the same time: they wait here for the one who writes
//! them together, in one statement and one commit. Holds them; runs no SQL.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::{Notify, oneshot};

use crate::error::Error;
use crate::store::NewWork;

/// What became of an item that waited.
#[derive(Debug)]
pub(crate) enum Answer {
    Written,
    Failed(Error),
    /// It has to be written by itself: the statement that it was part of was refused, or its answer
    /// was lost.
    Alone(Box<NewWork>, Option<sqlx::Error>),
}

/// An item, and who waits for it.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) item: NewWork,
    pub(crate) answer: oneshot::Sender<Answer>,
}

/// The lanes of one handle, by pool. One is there as long as somebody writes what comes.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    open: Mutex<HashMap<String, Lane>>,
    /// Somebody keeps a connection for what may come next.
    lingering: AtomicBool,
}

#[derive(Debug, Default)]
struct Lane {
    waiting: Vec<Waiting>,
    arrived: Arc<Notify>,
}

impl Lanes {
    fn open(&self) -> MutexGuard<'_, HashMap<String, Lane>> {
        self.open.lock().expect("no code panics with this lock")
    }

    /// Adds an item. True: the lane is new, and the caller sees to it that somebody writes.
    pub(crate) fn push(&self, waiting: Waiting) -> bool {
        let mut open = self.open();
        if let Some(lane) = open.get_mut(&waiting.item.pool) {
            lane.waiting.push(waiting);
            lane.arrived.notify_one();
            return false;
        }
        let pool = waiting.item.pool.clone();
        open.insert(pool, Lane { waiting: vec![waiting], ..Lane::default() });
        true
    }

    /// What one statement takes of those that wait, in the order in which they came.
    pub(crate) fn take(&self, pool: &str, rows: usize, bytes: usize) -> Vec<Waiting> {
        let mut open = self.open();
        let Some(lane) = open.get_mut(pool) else { return Vec::new() };
        let mut sum = 0;
        let fits = lane.waiting.iter().take(rows).take_while(|waiting| {
            sum += waiting.item.bytes();
            sum <= bytes
        });
        let fits = fits.count().max(1).min(lane.waiting.len());
        let rest = lane.waiting.split_off(fits);
        std::mem::replace(&mut lane.waiting, rest)
    }

    /// Tells when something has come.
    pub(crate) fn arrived(&self, pool: &str) -> Option<Arc<Notify>> {
        self.open().get(pool).map(|lane| Arc::clone(&lane.arrived))
    }

    /// Closes a lane that is empty.
    pub(crate) fn close(&self, pool: &str) -> bool {
        let mut open = self.open();
        let empty = open.get(pool).is_none_or(|lane| lane.waiting.is_empty());
        if empty {
            open.remove(pool);
        }
        empty
    }

    /// Closes a lane whatever is in it: whoever waits is not answered.
    pub(crate) fn abandon(&self, pool: &str) {
        let lane = self.open().remove(pool);
        drop(lane);
    }

    /// One writer at a time may keep its connection while nothing comes.
    pub(crate) fn linger(&self) -> Option<Linger<'_>> {
        let first = !self.lingering.swap(true, Ordering::AcqRel);
        first.then_some(Linger(&self.lingering))
    }
}

/// Keeping a connection for what may come next.
pub(crate) struct Linger<'l>(&'l AtomicBool);

impl Drop for Linger<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}
