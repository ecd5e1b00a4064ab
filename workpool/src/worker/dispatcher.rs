//! Takes due work into free slots. One task for all pools of a worker: it alone claims, it alone
//! knows how many items run, and nothing of the user's runs in it.
//!
//! Before it sleeps it has told the database so (`asleep`), and has looked once more after that:
//! an enqueue either sees that it has to notify, or is seen.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgConnection;
use tokio::sync::{broadcast, mpsc};
use tokio::time::{Instant, sleep, sleep_until};

use super::begin::Beginning;
use super::beside::Beside;
use super::bounds::Survey;
use super::ends::{End, Writer};
use super::held::held;
use super::pools::PoolState;
use super::shared::Shared;
use crate::backoff::Backoff;
use crate::desk::Return;
use crate::hub::{Hint, Topic, next_hint};
use crate::store::{PoolSync, SlotAsk, SqlResult, is_locked};

/// What others tell the dispatcher.
#[derive(Debug)]
pub(crate) enum Event {
    /// Items of a pool have ended.
    Freed {
        /// The pool.
        pool: Arc<str>,
        /// How many.
        items: i64,
        /// When the first of them that is tried again is due.
        again: Option<Duration>,
        /// Who can write such ends.
        writer: Writer,
    },
    /// An end in a pool that waits for a slot, to be written with the next claim.
    Ended(End),
    /// Slots that were lent come back.
    Returned(Return),
    /// The pools as the database has them.
    Synced(Vec<PoolSync>),
    /// Pools were surveyed, with what came of it if there was an answer.
    Surveyed(Vec<Arc<str>>, Option<Survey>),
}

pub(crate) struct Dispatcher {
    pub(super) shared: Arc<Shared>,
    events: mpsc::UnboundedReceiver<Event>,
    hints: broadcast::Receiver<Hint>,
    pub(super) pools: HashMap<Arc<str>, PoolState>,
    /// Ends that the next claim writes.
    pub(super) owed: Vec<End>,
    /// When to ask next what is marked as ours without our knowing: at once after an error, again
    /// a little later, since the server may run a claim after the client has given it up, and
    /// now and then in any case.
    pub(super) reconcile_at: Instant,
    /// Nothing is started before that was done.
    pub(super) uncertain: bool,
    /// What the last claim has brought, while it is read and begun.
    pub(super) beginning: Option<Beginning>,
    /// When to look at all pools, whatever they say.
    pub(super) poll_at: Instant,
    /// Not before that, so that one look serves many.
    pub(super) peek_at: Instant,
    /// A survey is under way.
    pub(super) surveys: bool,
    pub(super) beside: Beside,
    /// When to ask in which pools somebody's transaction holds what we need.
    pub(super) probe_at: Option<Instant>,
    backoff: Backoff,
}

impl Drop for Dispatcher {
    /// It may be cut off, at a shutdown or by a panic. A turn that is under way then sees to its own ends.
    fn drop(&mut self) {
        self.hand_over();
    }
}

/// Between two looks for lost claims: usually, and after an error.
pub(crate) const RECONCILE: Duration = Duration::from_mins(1);
pub(crate) const RECONCILE_AGAIN: Duration = Duration::from_secs(2);

impl Dispatcher {
    pub(crate) fn new(shared: Arc<Shared>, events: mpsc::UnboundedReceiver<Event>) -> Self {
        shared.workpool.hub().add_desk(&shared.desk);
        Self {
            hints: shared.workpool.hub().subscribe(Topic::Work),
            backoff: shared.backoff("dispatcher"),
            shared,
            events,
            pools: HashMap::new(),
            owed: Vec::new(),
            reconcile_at: Instant::now() + RECONCILE,
            uncertain: false,
            beginning: None,
            poll_at: Instant::now(),
            peek_at: Instant::now(),
            surveys: false,
            beside: Beside::default(),
            probe_at: None,
        }
    }

    /// Runs until the worker stops, or its lease is lost.
    pub(crate) async fn run(mut self) {
        while !self.is_over() {
            self.drain();
            match self.step().await {
                Ok(true) => self.backoff.succeeded(),
                Ok(false) => {
                    self.backoff.succeeded();
                    self.wait().await;
                }
                Err(error) => {
                    self.give_ends_back(|_| true);
                    // Whatever it was: nothing is started before the database has said what is
                    // ours.
                    self.uncertain = true;
                    if is_locked(&error) {
                        // Where it would wait again is found out first.
                        self.probe_at = Some(Instant::now());
                    }
                    sleep(self.backoff.failed(&error)).await;
                }
            }
        }
        // It has begun; where it could not be read, whoever ends the worker hands it back.
        let _ = self.begun().await;
        self.hand_over();
        self.beside.end().await;
    }

    /// What the completer has left to this comes back to it, and whoever enqueues tells others.
    fn hand_over(&mut self) {
        self.events.close();
        self.shared.workpool.hub().forget_worker(self.shared.worker);
        self.shared.workpool.hub().remove_desk(&self.shared.desk);
        self.take_back();
        self.drain_all();
        self.give_ends_back(|_| true);
    }

    /// Takes in what is just being sent, too: its sender has been told that it arrives.
    fn drain_all(&mut self) {
        loop {
            match self.events.try_recv() {
                Ok(event) => self.take_in(event),
                Err(mpsc::error::TryRecvError::Empty) => std::thread::yield_now(),
                Err(mpsc::error::TryRecvError::Disconnected) => return,
            }
        }
    }

    /// It has ended, and starts nothing any more.
    pub(super) fn is_closed(&self) -> bool {
        self.events.is_closed()
    }

    fn is_over(&self) -> bool {
        self.shared.stop.is_cancelled() || self.shared.lease.lost.is_cancelled()
    }

    /// Takes in everything that has happened.
    pub(super) fn drain(&mut self) {
        while let Ok(event) = self.events.try_recv() {
            self.take_in(event);
        }
        loop {
            match self.hints.try_recv() {
                Ok(hint) => self.take_hint(&hint),
                Err(broadcast::error::TryRecvError::Lagged(_)) => self.take_hint(&Hint::Any),
                Err(_) => break,
            }
        }
    }

    fn take_in(&mut self, event: Event) {
        match event {
            Event::Freed { pool, items, again, writer } => {
                if let Some(pool) = self.pools.get_mut(&pool) {
                    let now = Instant::now();
                    let apart = writer > pool.writer(self.beside.is_near(now));
                    pool.freed(items, again.map(|again| now + again), apart);
                }
            }
            Event::Ended(end) => {
                if let Some(pool) = self.pools.get_mut(&end.pool) {
                    pool.owes();
                }
                self.owed.push(end);
            }
            Event::Returned(back) => self.returned(back),
            Event::Synced(rows) => self.synced(rows),
            Event::Surveyed(pools, survey) => self.surveyed(&pools, survey.as_ref()),
        }
    }

    fn take_hint(&mut self, hint: &Hint) {
        match hint {
            Hint::Work(name) => self.tell(name, PoolState::wake),
            Hint::Announced(name) => self.tell(name, PoolState::hear),
            Hint::Any => self.poll_at = Instant::now(),
            Hint::Signal | Hint::Change(_) => {}
        }
    }

    fn tell(&mut self, name: &Arc<str>, told: fn(&mut PoolState)) {
        match self.pools.get_mut(name) {
            Some(pool) => told(pool),
            // A pool that was just created.
            None if self.shared.settings.serves(name) => self.shared.sync_now.notify_one(),
            None => {}
        }
    }

    fn synced(&mut self, rows: Vec<PoolSync>) {
        let there: HashSet<_> = rows.iter().map(|row| &*row.pool).collect();
        let gone = |name: &Arc<str>| !there.contains(&**name);
        for (name, _) in self.pools.extract_if(|name, pool| pool.running == 0 && gone(name)) {
            self.shared.forget(&name);
            self.shared.workpool.hub().set_ready(&name, self.shared.worker, false);
        }
        for row in rows {
            let name: Arc<str> = row.pool.as_str().into();
            let new = |name: &Arc<str>| PoolState::new(Arc::clone(name));
            let pool = self.pools.entry(name).or_insert_with_key(new);
            pool.synced(&row);
        }
    }

    /// One round trip or two. False: there is nothing to do now.
    async fn step(&mut self) -> SqlResult<bool> {
        self.beside.rest(Instant::now()).await;
        self.let_others_end().await;
        if !self.shared.lease.is_valid() {
            self.give_ends_back(|_| true);
            return Ok(false);
        }
        self.probe().await?;
        if self.uncertain || Instant::now() >= self.reconcile_at {
            self.reconcile().await?;
        }
        self.survey();
        let turned = self.turn().await?;
        self.make_room().await?;
        let now = Instant::now();
        let wanted = now >= self.peek_at && self.pools.values().any(|pool| pool.wants_look(now));
        // Before the claim, which a busy pool may have something for every time.
        let due = if wanted || now >= self.poll_at { self.peek().await? } else { false };
        self.take_slots().await?;
        // To get here may have taken a while.
        let claimed = self.shared.lease.is_valid() && self.claim().await?;
        Ok(turned || due || claimed)
    }

    /// Gives slots back that others wait for.
    async fn make_room(&mut self) -> SqlResult<()> {
        let surplus = self.pools.values().filter_map(|p| Some((&*p.name, p.surplus()?)));
        let keep: Vec<_> = surplus.collect();
        if keep.is_empty() {
            return Ok(());
        }
        let (store, worker) = (self.shared.store(), self.shared.worker);
        let held = held(&self.pools);
        let give =
            async |conn: &mut PgConnection| store.give_back(conn, worker, &keep, &held).await;
        self.shared.control(give).await?;
        for pool in self.pools.values_mut() {
            pool.gave_back();
        }
        Ok(())
    }

    /// Takes slots where there may be work and none is free.
    async fn take_slots(&mut self) -> SqlResult<()> {
        let now = Instant::now();
        let mut needy: Vec<_> = self.pools.values_mut().filter(|pool| pool.is_needy(now)).collect();
        if needy.is_empty() {
            return Ok(());
        }
        for pool in &mut needy {
            pool.asked(now + self.shared.settings.sync);
        }
        let ask = |p: &&mut PoolState| (Arc::clone(&p.name), p.running, p.wanted());
        let asks: Vec<_> = needy.iter().map(ask).collect();
        let asks: Vec<_> = asks
            .iter()
            .map(|(pool, running, usable)| SlotAsk { pool, running: *running, usable: *usable })
            .collect();
        let (store, worker) = (self.shared.store(), self.shared.worker);
        let taken = self.shared.control(async |conn| store.take_slots(conn, worker, &asks).await);
        let mut begins_to_wait = false;
        for grant in taken.await? {
            if let Some(pool) = self.pools.get_mut(&*grant.pool) {
                begins_to_wait |= pool.took(&grant);
            }
        }
        if begins_to_wait {
            // Whoever has slots to spare may have nothing else to wake up for.
            self.shared.notify("!").await?;
        }
        Ok(())
    }

    /// Tells this process for which pools it need not notify others, and attempts that end which wait
    /// for a slot, and for what.
    fn publish(&mut self) {
        let all_functions = self.shared.settings.runs_all();
        let lease = self.shared.lease.is_valid();
        self.shared.set_idle(self.pools.values().all(PoolState::is_idle));
        let near = self.beside.is_near(Instant::now());
        // Through a pooler the slots would stay locked from the statement to its commit.
        let pooled = self.shared.store().is_pooled();
        for pool in self.pools.values_mut() {
            let waits = pool.waits_for_slots().then(|| pool.writer(near));
            if pool.waits != waits {
                pool.waits = waits;
                self.shared.set_waiting(&pool.name, waits);
            }
            let ready = all_functions && lease && pool.is_ready();
            if pool.published != ready {
                pool.published = ready;
                self.shared.workpool.hub().set_ready(&pool.name, self.shared.worker, ready);
            }
            let lends = if lease && !pooled { pool.lends() } else { None };
            if pool.lent != lends {
                pool.lent = lends;
                self.shared.desk.lend(&pool.name, lends);
            }
        }
    }

    /// While it is awake nobody else takes slots; what was taken is in use until it comes back.
    fn take_back(&mut self) {
        for (name, slots) in self.shared.desk.close() {
            if let Some(pool) = self.pools.get_mut(&name) {
                pool.running += slots;
                // The desk has dropped what was left: it has to be said anew.
                pool.lent = None;
            }
        }
    }

    /// Sleeps until something happens or is due.
    async fn wait(&mut self) {
        self.publish();
        let now = Instant::now();
        let look = |pool: &PoolState| {
            pool.wants_look(now)
                .then_some(self.peek_at)
                .into_iter()
                .chain(pool.next_look(now))
                .min()
        };
        // One survey at a time: the others' wait for its answer, which is an event.
        let survey = || self.pools.values().filter_map(PoolState::survey_at).min();
        let survey = if self.surveys { None } else { survey() };
        let others = survey.into_iter().chain(self.probe_at).chain(self.beside.until());
        let due = self.pools.values().filter_map(look).chain(others).min();
        // While the lease may have run out, look again soon whether it has been renewed.
        let at = if self.shared.lease.is_valid() {
            due.map_or(self.poll_at, |due| due.min(self.poll_at))
        } else {
            now + Duration::from_millis(20)
        };
        let shared = Arc::clone(&self.shared);
        shared.desk.open();
        shared.awaited.set(self.pools.values().any(PoolState::is_full));
        let told = tokio::select! {
            Some(event) = self.events.recv() => Some(Ok(event)),
            hint = next_hint(&mut self.hints) => Some(Err(hint)),
            () = sleep_until(at) => None,
            () = shared.stop.cancelled() => None,
            () = shared.lease.lost.cancelled() => None,
        };
        shared.awaited.set(false);
        self.take_back();
        match told {
            Some(Ok(event)) => self.take_in(event),
            Some(Err(hint)) => self.take_hint(&hint),
            None => {}
        }
    }
}
