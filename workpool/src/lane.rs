//! Enqueues of one pool that are under way at the same time: they wait here for the one who writes
//! them together, in one statement and one commit. Holds them; runs no SQL.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::{Notify, oneshot};

use crate::error::Error;
use crate::store::{NewWork, in_doubt};

/// What became of an item that waited.
#[derive(Debug)]
pub(crate) enum Answer {
    Written,
    Failed(Error),
    /// It has to be written by itself: the statement that it was part of was refused, or its answer
    /// was lost.
    Alone(Box<NewWork>, Option<Lost>),
}

/// Why an enqueue is sent again.
#[derive(Debug)]
pub(crate) struct Lost {
    pub(crate) error: sqlx::Error,
    /// It may have been stored all the same.
    pub(crate) stored: bool,
}

impl From<sqlx::Error> for Lost {
    fn from(error: sqlx::Error) -> Self {
        let stored = in_doubt(&error);
        Self { error, stored }
    }
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

    /// Adds an item. When its lane is new, the caller sees to it that somebody writes, and gets what
    /// tells that something has come.
    pub(crate) fn push(&self, waiting: Waiting) -> Option<Arc<Notify>> {
        let mut open = self.open();
        if let Some(lane) = open.get_mut(&waiting.item.pool) {
            lane.waiting.push(waiting);
            lane.arrived.notify_one();
            return None;
        }
        let pool = waiting.item.pool.clone();
        let lane = Lane { waiting: vec![waiting], ..Lane::default() };
        let arrived = Arc::clone(&lane.arrived);
        open.insert(pool, lane);
        Some(arrived)
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

    /// Closes a lane that is empty.
    pub(crate) fn close(&self, pool: &str) -> bool {
        let mut open = self.open();
        let empty = open.get(pool).is_none_or(|lane| lane.waiting.is_empty());
        if empty {
            open.remove(pool);
        }
        empty
    }

    /// Closes a lane whatever is in it: whoever waits is not answered. When it is closed already, the
    /// next of its name is somebody else's.
    pub(crate) fn abandon(&self, pool: &str, arrived: &Arc<Notify>) {
        let mut open = self.open();
        let same = |lane: &Lane| Arc::ptr_eq(&lane.arrived, arrived);
        let lane = if open.get(pool).is_some_and(same) { open.remove(pool) } else { None };
        drop(open);
        drop(lane);
    }

    /// One writer at a time may keep its connection while nothing comes.
    pub(crate) fn linger(&self) -> Option<Linger<'_>> {
        let first = !self.lingering.swap(true, Ordering::AcqRel);
        // Made only by the first: to drop one ends it.
        first.then(|| Linger(&self.lingering))
    }
}

/// Keeping a connection for what may come next.
pub(crate) struct Linger<'l>(&'l AtomicBool);

impl Drop for Linger<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_writer_leaves_the_lane_of_the_next_one_alone() {
        let lanes = Lanes::default();
        let mut answers = Vec::new();
        let mut push = || {
            let (answer, answered) = oneshot::channel();
            answers.push(answered);
            lanes.push(Waiting { item: NewWork::plain("send_email"), answer })
        };
        let first = push().expect("a new lane");
        assert_eq!(lanes.take("emails", 10, 1_000_000).len(), 1);
        assert!(lanes.close("emails"));
        let second = push().expect("a new lane");
        lanes.abandon("emails", &first);
        assert_eq!(lanes.take("emails", 10, 1_000_000).len(), 1, "it waits for the second");
        lanes.abandon("emails", &second);
        assert!(push().is_some(), "the second has closed it");
    }

    #[test]
    fn one_at_a_time_keeps_a_connection_while_nothing_comes() {
        let lanes = Lanes::default();
        let first = lanes.linger();
        assert!(first.is_some() && (0..2).all(|_| lanes.linger().is_none()));
        drop(first);
        assert!(lanes.linger().is_some());
    }
}
