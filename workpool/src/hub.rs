//! Wake-ups inside a process: what the database notified, and what this process did itself.
//! Hints only: everybody who waits here polls as well.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use sqlx::postgres::PgConnectOptions;
use tokio::sync::broadcast;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::desk::{Desk, Loan};
use crate::listener;
use crate::store::{NewWork, Store};

/// Something may have changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Hint {
    /// Work was added to a pool here.
    Work(Arc<str>),
    /// Work was added to a pool, or room was made in it: all who listen hear that.
    Announced(Arc<str>),
    /// Work of a pool has moved on, which somebody watches.
    Change(Arc<str>),
    /// Running work was canceled, or a callback is due.
    Signal,
    /// Anything: a changed pool, a new connection.
    Any,
}

/// Who waits for which hints. Those of each item must not wake whoever waits for something else.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Topic {
    /// Work was added.
    Work,
    /// What somebody watches may have changed.
    Change,
    /// Everything else.
    Signal,
}

impl Hint {
    const fn topics(&self) -> &'static [Topic] {
        match self {
            Self::Work(_) | Self::Announced(_) => &[Topic::Work],
            Self::Change(_) => &[Topic::Change],
            Self::Signal => &[Topic::Change, Topic::Signal],
            Self::Any => &[Topic::Work, Topic::Change, Topic::Signal],
        }
    }

    /// Reads the payload of a notification; what makes no sense means anything.
    pub(crate) fn parse(payload: &str) -> Self {
        match (payload.get(..1), payload.get(1..)) {
            (Some("+"), Some(pool)) => Self::Announced(pool.into()),
            (Some("="), Some(pool)) if !pool.is_empty() => Self::Change(pool.into()),
            (Some("!"), _) => Self::Signal,
            _ => Self::Any,
        }
    }

    /// The payload that reads as a change of this pool; long names are not sent.
    pub(crate) fn change_payload(pool: &str) -> String {
        if pool.len() <= 64 { format!("={pool}") } else { String::new() }
    }
}

/// Where hints of one handle meet those who wait for them.
#[derive(Debug)]
pub(crate) struct Hub {
    /// One for each topic.
    hints: [broadcast::Sender<Hint>; 3],
    /// Pools in which a worker of this process could start something at once.
    ready: Mutex<HashMap<Arc<str>, HashSet<Uuid>>>,
    /// What the workers of this process lend to whoever enqueues.
    desks: Mutex<Vec<Arc<Desk>>>,
    listener: OnceLock<JoinHandle<()>>,
    /// Whether notifications arrive, as far as is known.
    hears: AtomicBool,
}

impl Default for Hub {
    fn default() -> Self {
        let hints = std::array::from_fn(|_| broadcast::Sender::new(1024));
        let hears = AtomicBool::new(false);
        let (ready, desks) = (Mutex::default(), Mutex::default());
        Self { hints, ready, desks, listener: OnceLock::new(), hears }
    }
}

impl Hub {
    #[expect(clippy::needless_pass_by_value, reason = "each is made to be sent")]
    pub(crate) fn send(&self, hint: Hint) {
        for topic in hint.topics() {
            // Nobody waiting is fine.
            let _ = self.hints[*topic as usize].send(hint.clone());
        }
    }

    pub(crate) fn hears(&self) -> bool {
        self.hears.load(Ordering::Acquire)
    }

    pub(crate) fn set_hears(&self, hears: bool) {
        self.hears.store(hears, Ordering::Release);
    }

    pub(crate) fn subscribe(&self, topic: Topic) -> broadcast::Receiver<Hint> {
        self.hints[topic as usize].subscribe()
    }

    fn ready(&self) -> MutexGuard<'_, HashMap<Arc<str>, HashSet<Uuid>>> {
        self.ready.lock().expect("no code panics with this lock")
    }

    /// Whether a worker of this process takes work of the pool at once, so that the database need
    /// not notify anybody.
    pub(crate) fn is_ready(&self, pool: &str) -> bool {
        self.ready().contains_key(pool)
    }

    pub(crate) fn set_ready(&self, pool: &Arc<str>, worker: Uuid, ready: bool) {
        let mut pools = self.ready();
        if ready {
            pools.entry(Arc::clone(pool)).or_default().insert(worker);
        } else if let Some(workers) = pools.get_mut(pool) {
            workers.remove(&worker);
            if workers.is_empty() {
                pools.remove(pool);
            }
        }
    }

    /// A worker has ended, and is ready for nothing any more.
    pub(crate) fn forget_worker(&self, worker: Uuid) {
        self.ready().retain(|_, workers| {
            workers.remove(&worker);
            !workers.is_empty()
        });
    }

    fn desks(&self) -> MutexGuard<'_, Vec<Arc<Desk>>> {
        self.desks.lock().expect("no code panics with this lock")
    }

    pub(crate) fn add_desk(&self, desk: &Arc<Desk>) {
        self.desks().push(Arc::clone(desk));
    }

    pub(crate) fn remove_desk(&self, desk: &Arc<Desk>) {
        self.desks().retain(|other| !Arc::ptr_eq(other, desk));
    }

    /// Takes slots of a worker for all of these items, if one lends so many.
    pub(crate) fn borrow(&self, items: &[NewWork]) -> Option<Loan> {
        self.desks().iter().find_map(|desk| desk.take(items))
    }

    /// Starts to listen to the database, once.
    pub(crate) fn listen(self: &Arc<Self>, options: &Arc<PgConnectOptions>, store: &Store) {
        self.listener.get_or_init(|| {
            let run = listener::run(Arc::downgrade(self), Arc::clone(options), store.clone());
            tokio::spawn(run)
        });
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        if let Some(listener) = self.listener.get() {
            listener.abort();
        }
    }
}

/// Waits for a hint; a receiver that fell behind takes that as one.
pub(crate) async fn next_hint(hints: &mut broadcast::Receiver<Hint>) -> Hint {
    match hints.recv().await {
        Ok(hint) => hint,
        Err(broadcast::error::RecvError::Lagged(_)) => Hint::Any,
        // The hub lives as long as anybody who waits here.
        Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
    }
}

/// Forgets the hints that have come: one look answers all of them.
pub(crate) fn forget(hints: &mut broadcast::Receiver<Hint>) {
    *hints = hints.resubscribe();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_hints_and_garbage_means_anything() {
        assert_eq!(Hint::parse("+email"), Hint::Announced("email".into()));
        assert_eq!(Hint::parse("=email"), Hint::Change("email".into()));
        assert_eq!(Hint::parse("!"), Hint::Signal);
        for garbage in ["", "=", "~", "ü", "anything"] {
            assert_eq!(Hint::parse(garbage), Hint::Any);
        }
        assert_eq!(Hint::parse(&Hint::change_payload(&"x".repeat(200))), Hint::Any);
    }

    #[test]
    fn a_worker_that_has_ended_is_ready_for_nothing() {
        let (hub, workers) = (Hub::default(), [Uuid::from_u128(1), Uuid::from_u128(2)]);
        for (pool, worker) in [("a", workers[0]), ("b", workers[0]), ("b", workers[1])] {
            hub.set_ready(&pool.into(), worker, true);
        }
        hub.forget_worker(workers[0]);
        assert_eq!(["a", "b"].map(|pool| hub.is_ready(pool)), [false, true]);
    }

    #[tokio::test]
    async fn one_look_answers_all_hints_that_have_come() {
        let hub = Hub::default();
        let mut hints = hub.subscribe(Topic::Signal);
        for _ in 0..2000 {
            hub.send(Hint::Any);
        }
        assert_eq!(next_hint(&mut hints).await, Hint::Any);
        forget(&mut hints);
        hub.send(Hint::Signal);
        assert_eq!(next_hint(&mut hints).await, Hint::Signal);
    }

    #[tokio::test]
    async fn hints_of_items_wake_nobody_who_waits_for_something_else() {
        let hub = Hub::default();
        let [work, change, signal] =
            [Topic::Work, Topic::Change, Topic::Signal].map(|topic| hub.subscribe(topic));
        hub.send(Hint::Work("email".into()));
        hub.send(Hint::Change("email".into()));
        assert_eq!([work.len(), change.len(), signal.len()], [1, 1, 0]);
        hub.send(Hint::Signal);
        hub.send(Hint::Any);
        assert_eq!([work.len(), change.len(), signal.len()], [2, 3, 2]);
    }
}
