//! What the tasks of one life of a worker share. Holds state; decides nothing.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use sqlx::postgres::PgConnection;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::Settings;
use super::awaited::Awaited;
use super::caution::Caution;
use super::connections::Connections;
use super::dispatcher::Event;
use super::ends::{End, Writer};
use super::executor::Taken;
use super::lease::Lease;
use super::permits::Permits;
use super::strain::Strain;
use crate::backoff::{Backoff, Troubles};
use crate::cancellation::Cancellation;
use crate::context::{Attempt, State};
use crate::desk::Desk;
use crate::handle::Workpool;
use crate::meter::{self, Level, Meter};
use crate::registry::{Handler, Registry};
use crate::store::{Counters, RawCallback, SqlResult, Store};
use crate::telemetry::PoolLog;

/// One registered life of a worker, under an id that is never used again.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) workpool: Workpool,
    pub(crate) registry: Arc<Registry>,
    pub(crate) state: Arc<State>,
    pub(crate) settings: Arc<Settings>,
    /// The names of the callbacks that it knows: asked for with each batch of ends.
    pub(crate) callback_names: Vec<&'static str>,
    /// The functions that it claims, and those of all that share a transaction.
    pub(crate) functions: Vec<&'static str>,
    pub(crate) grouped: Vec<&'static str>,
    pub(crate) caution: Caution,
    pub(crate) strain: Strain,
    pub(crate) worker: Uuid,
    pub(crate) lease: Arc<Lease>,
    pub(crate) connections: Connections,
    pub(crate) permits: Permits,
    /// Stop claiming; what runs goes on.
    pub(crate) stop: CancellationToken,
    /// The grace is over: what still runs is dropped.
    pub(crate) abort: CancellationToken,
    /// The same for transactions only, or the lease is lost, so that nothing of theirs can land.
    pub(crate) cut: CancellationToken,
    pub(crate) attempts: TaskTracker,
    pub(crate) ends: mpsc::UnboundedSender<End>,
    pub(crate) events: mpsc::UnboundedSender<Event>,
    pub(crate) callbacks: mpsc::UnboundedSender<RawCallback>,
    /// No pool has anything to do, as far as the dispatcher knows.
    idle: AtomicBool,
    /// Somebody ought to look at the pools and cancels now.
    pub(crate) sync_now: Notify,
    /// There is something to do after a time in which there was nothing.
    pub(crate) stirred: Notify,
    /// A statement that claims callbacks may have succeeded without our knowing.
    pub(crate) callbacks_uncertain: AtomicBool,
    pub(crate) troubles: Arc<Troubles>,
    pub(crate) meter: Meter,
    in_hand: Mutex<HashMap<Uuid, InHand>>,
    callbacks_in_hand: Mutex<HashSet<Uuid>>,
    counters: Mutex<HashMap<Arc<str>, Counters>>,
    logs: Mutex<HashMap<Arc<str>, Arc<PoolLog>>>,
    watched: Mutex<HashSet<Arc<str>>>,
    /// What it lends to whoever enqueues.
    pub(crate) desk: Arc<Desk>,
    waiting: Mutex<HashMap<Arc<str>, Writer>>,
    pub(crate) awaited: Awaited,
}

/// An item that is ours.
#[derive(Debug)]
struct InHand {
    fence: i32,
    canceled: Arc<Cancellation>,
    _running: Level,
}

/// What each life of a worker begins with.
#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) workpool: Workpool,
    pub(crate) registry: Arc<Registry>,
    pub(crate) state: Arc<State>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) connections: Connections,
    pub(crate) troubles: Arc<Troubles>,
}

/// The receiving ends of a life's channels.
pub(crate) struct Inboxes {
    pub(crate) ends: mpsc::UnboundedReceiver<End>,
    pub(crate) events: mpsc::UnboundedReceiver<Event>,
    pub(crate) callbacks: mpsc::UnboundedReceiver<RawCallback>,
}

/// Locks that no code panics with.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no code panics with this lock")
}

impl Shared {
    pub(crate) fn new(parts: Parts) -> (Arc<Self>, Inboxes) {
        let (ends, ends_in) = mpsc::unbounded_channel();
        let (events, events_in) = mpsc::unbounded_channel();
        let (callbacks, callbacks_in) = mpsc::unbounded_channel();
        let abort = CancellationToken::new();
        let worker = Uuid::now_v7();
        let functions = parts.settings.functions(&parts.registry);
        let returned = events.clone();
        let back = move |back| returned.send(Event::Returned(back)).is_ok();
        let shared = Self {
            worker,
            desk: Arc::new(Desk::new(worker, functions.clone(), back)),
            lease: Arc::new(Lease::new()),
            permits: Permits::new(parts.settings.transactions),
            callback_names: parts.registry.names(true),
            functions,
            grouped: parts.registry.grouped(),
            caution: Caution::default(),
            strain: Strain::default(),
            workpool: parts.workpool,
            registry: parts.registry,
            state: parts.state,
            settings: parts.settings,
            connections: parts.connections,
            stop: CancellationToken::new(),
            cut: abort.child_token(),
            abort,
            attempts: TaskTracker::new(),
            ends,
            events,
            callbacks,
            idle: AtomicBool::new(false),
            sync_now: Notify::new(),
            stirred: Notify::new(),
            callbacks_uncertain: AtomicBool::new(false),
            troubles: parts.troubles,
            meter: Meter::new(),
            in_hand: Mutex::default(),
            callbacks_in_hand: Mutex::default(),
            counters: Mutex::default(),
            logs: Mutex::default(),
            watched: Mutex::default(),
            waiting: Mutex::default(),
            awaited: Awaited::default(),
        };
        let inboxes = Inboxes { ends: ends_in, events: events_in, callbacks: callbacks_in };
        (Arc::new(shared), inboxes)
    }

    pub(crate) fn store(&self) -> &Store {
        self.workpool.store()
    }

    /// Runs one operation on a connection of the loops; handlers cannot use them up.
    pub(crate) async fn control<T>(
        &self,
        operation: impl AsyncFnOnce(&mut PgConnection) -> SqlResult<T>,
    ) -> SqlResult<T> {
        self.connections.control.run(operation).await.inspect_err(meter::failed)
    }

    /// Tells all who listen, this process too.
    pub(crate) async fn notify(&self, payload: &str) -> SqlResult<()> {
        self.control(async |conn| self.store().notify(conn, payload).await).await
    }

    pub(crate) fn backoff(&self, what: &'static str) -> Backoff {
        Backoff::counted(what, Arc::clone(&self.troubles))
    }

    /// What an attempt asks whether it is to stop.
    pub(crate) fn cancellation(&self) -> Arc<Cancellation> {
        Cancellation::of(&self.lease.lost)
    }

    /// Notes that items are ours, from their claim until their ends are known to be written.
    pub(super) fn take_in_hand(&self, items: &[Taken]) {
        let mut in_hand = locked(&self.in_hand);
        in_hand.extend(items.iter().map(|Taken { row, canceled, meter, .. }| {
            let canceled = Arc::clone(canceled);
            (row.id, InHand { fence: row.fence, canceled, _running: meter.running() })
        }));
    }

    /// The ends of claims are written; a later claim of the same item stays in hand.
    pub(crate) fn put_down<'e>(&self, ends: impl IntoIterator<Item = &'e End>) {
        let mut in_hand = locked(&self.in_hand);
        for end in ends {
            if let Entry::Occupied(held) = in_hand.entry(end.id)
                && held.get().fence == end.fence
            {
                held.remove();
            }
        }
    }

    /// Items that are ours, and those that may have become so with an enqueue that is not over.
    pub(crate) fn in_hand(&self) -> Vec<Uuid> {
        // What comes back is in hand before it is not out any more.
        let mut ids = self.desk.out();
        ids.extend(locked(&self.in_hand).keys());
        ids
    }

    /// Tells a running attempt that it was canceled.
    pub(crate) fn cancel(&self, id: Uuid) {
        if let Some(held) = locked(&self.in_hand).get(&id) {
            held.canceled.cancel();
        }
    }

    /// The context of an attempt or a callback.
    pub(crate) fn attempt(
        &self,
        id: Uuid,
        (number, fence): (i32, i32),
        canceled: &Arc<Cancellation>,
    ) -> Attempt {
        Attempt {
            workpool: self.workpool.clone(),
            state: Arc::clone(&self.state),
            work_id: id,
            worker: self.worker,
            number,
            fence,
            canceled: Arc::clone(canceled),
        }
    }

    pub(crate) fn callbacks_in_hand(&self) -> MutexGuard<'_, HashSet<Uuid>> {
        locked(&self.callbacks_in_hand)
    }

    pub(crate) fn count(&self, pool: &Arc<str>, add: impl FnOnce(&mut Counters)) {
        add(locked(&self.counters).entry(Arc::clone(pool)).or_default());
    }

    pub(crate) fn take_counters(&self) -> HashMap<Arc<str>, Counters> {
        std::mem::take(&mut locked(&self.counters))
    }

    pub(crate) fn put_counters_back(&self, counters: HashMap<Arc<str>, Counters>) {
        let mut all = locked(&self.counters);
        for (pool, more) in counters {
            all.entry(pool).or_default().add(more);
        }
    }

    pub(crate) fn log(&self, pool: &Arc<str>) -> Arc<PoolLog> {
        let mut logs = locked(&self.logs);
        Arc::clone(logs.entry(Arc::clone(pool)).or_insert_with(|| Arc::new(PoolLog::new())))
    }

    /// Drops what is kept of a pool that is gone.
    pub(crate) fn forget(&self, pool: &Arc<str>) {
        self.desk.lend(pool, None);
        self.permits.forget(pool);
        locked(&self.logs).remove(pool);
    }

    /// The pools for which the dispatcher waits for a slot to become free, and what ends the claim into
    /// it can write.
    pub(crate) fn waiting(&self) -> MutexGuard<'_, HashMap<Arc<str>, Writer>> {
        locked(&self.waiting)
    }

    pub(crate) fn set_waiting(&self, pool: &Arc<str>, claim: Option<Writer>) {
        let mut waiting = self.waiting();
        match claim {
            Some(claim) => drop(waiting.insert(Arc::clone(pool), claim)),
            None => drop(waiting.remove(pool)),
        }
    }

    pub(crate) fn handler(&self, function: &str) -> Option<Handler> {
        self.registry.get(function).map(|entry| entry.handler)
    }

    /// Between looks at what somebody would have told: longer while there is nothing to do, and
    /// whoever changes that is heard.
    pub(crate) fn patience(&self, usual: Duration) -> Duration {
        /// How much longer.
        const QUIET: u32 = 5;
        let quiet = self.idle.load(Ordering::Acquire) && self.callbacks_in_hand().is_empty();
        if quiet && self.workpool.hub().hears() { usual * QUIET } else { usual }
    }

    pub(crate) fn set_idle(&self, idle: bool) {
        if self.idle.swap(idle, Ordering::AcqRel) && !idle {
            self.stirred.notify_one();
        }
    }

    pub(crate) fn set_watched(&self, pools: HashSet<Arc<str>>) {
        *locked(&self.watched) = pools;
    }

    pub(crate) fn is_watched(&self, pool: &str) -> bool {
        locked(&self.watched).contains(pool)
    }
}
