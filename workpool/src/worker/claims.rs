//! What the dispatcher asks the database for: what is due, and claims of it. What a claim brings is
//! started in its order.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgConnection;
use tokio::time::Instant;

use super::begin::{MANY, start};
use super::bounds::{Survey, Walk};
use super::dispatcher::{Dispatcher, Event, RECONCILE, RECONCILE_AGAIN};
use super::held::held;
use super::pools::PoolState;
use crate::desk::Return;
use crate::meter;
use crate::store::{Ask, Claimed, SqlResult};
use crate::telemetry;

/// Between two looks at what is due next.
const SOON: Duration = Duration::from_millis(5);

/// The most pools of one survey.
const SURVEYED: usize = 8;

/// How a pool takes in what was claimed.
pub(super) type Note = fn(&mut PoolState, i64, &Walk, bool, Instant);

impl Dispatcher {
    /// Claims for all pools that may have work and have free slots. False: there are none.
    pub(super) async fn claim(&mut self) -> SqlResult<bool> {
        let now = Instant::now();
        // The slots of what is still to be written are not free yet.
        let free = |pool: &&PoolState| pool.ended == 0 && pool.claimable(now) > 0;
        let asks: Vec<_> = self.pools.values().filter(free).map(|pool| pool.ask(now)).collect();
        if asks.is_empty() {
            return Ok(false);
        }
        let (store, worker) = (self.shared.store(), self.shared.worker);
        let claim = async |conn: &mut PgConnection| {
            store.claim(conn, worker, &asks, &self.shared.functions).await
        };
        let claimed = self.shared.control(claim).await?;
        let time = (now, now.elapsed());
        // In the order of their claims.
        self.begun().await?;
        match &asks[..] {
            [ask] if claimed.items() >= MANY => self.begin(ask, claimed, time)?,
            _ => {
                let claimed = claimed.read().inspect_err(meter::failed)?;
                self.start_all(&asks, claimed, time, PoolState::claimed);
            }
        }
        if self.beginning.is_none() {
            // What was started goes first: what is to be asked next can wait.
            tokio::task::yield_now().await;
        }
        Ok(true)
    }

    /// After a claim without an answer: hands back what is marked as ours and was never entered.
    pub(super) async fn reconcile(&mut self) -> SqlResult<()> {
        self.begun().await?;
        let in_hand = self.shared.in_hand();
        let (store, worker) = (self.shared.store(), self.shared.worker);
        let held = held(&self.pools);
        let release = async |conn: &mut PgConnection| {
            store.release_unknown(conn, worker, &in_hand, &held).await
        };
        for id in self.shared.control(release).await? {
            telemetry::released(id, "the answer to its claim was lost, so it was not entered");
        }
        let pause = if self.uncertain { RECONCILE_AGAIN } else { RECONCILE };
        self.reconcile_at = Instant::now() + pause;
        self.uncertain = false;
        Ok(())
    }

    /// Takes in the answer to a claim, which was begun then and took so long, and starts what it claimed.
    pub(super) fn start_all(
        &mut self,
        asks: &[Ask],
        claimed: Vec<Claimed>,
        (begun, took): (Instant, Duration),
        note: Note,
    ) {
        let mut found: HashMap<Arc<str>, Vec<Claimed>> = HashMap::new();
        if let [ask] = asks {
            found.insert(Arc::clone(&ask.pool), claimed);
        } else {
            for row in claimed {
                found.entry(Arc::clone(&row.pool)).or_default().push(row);
            }
        }
        for ask in asks {
            let rows = found.remove(&ask.pool).unwrap_or_default();
            let items = i64::try_from(rows.len()).unwrap_or(i64::MAX);
            let (last, full) = (Walk::last_of(&rows), items >= ask.items);
            let walk = Walk { since: ask.since, took, last, full };
            if let Some(pool) = self.pools.get_mut(&ask.pool) {
                note(pool, items, &walk, ask.asleep, begun);
                start(&self.shared, &ask.pool, rows);
            }
        }
    }

    /// Takes in what an enqueue has claimed into slots that were lent, and starts it.
    pub(super) fn returned(&mut self, back: Return) {
        let Return { pool: name, ids, claimed, lost } = back;
        self.uncertain |= lost;
        // When this is over, whoever ends the worker hands back what is marked as ours.
        let starts = !claimed.is_empty() && !self.is_closed();
        match self.pools.get_mut(&name) {
            Some(_) if starts => start(&self.shared, &name, claimed),
            Some(pool) => pool.running -= i64::try_from(ids.len()).unwrap_or(i64::MAX),
            None => self.uncertain |= !claimed.is_empty(),
        }
        self.shared.desk.settle(&ids);
    }

    /// Asks the pools that want it, and now and then all, what is due. True: there is something to
    /// do.
    pub(super) async fn peek(&mut self) -> SqlResult<bool> {
        let now = Instant::now();
        let all = now >= self.poll_at;
        let asked = self.pools.values().filter(|pool| all || pool.wants_look(now));
        let asked: Vec<_> =
            asked.map(|pool| (Arc::clone(&pool.name), pool.bounds.floor())).collect();
        let store = self.shared.store();
        let due =
            async |conn: &mut PgConnection| store.due(conn, &asked, &self.shared.functions).await;
        let due = self.shared.control(due).await?;
        let due: HashMap<_, _> = due.into_iter().collect();
        let now = Instant::now();
        self.peek_at = now + SOON;
        if all {
            self.poll_at = now + self.shared.patience(self.shared.settings.poll);
        }
        let mut any = false;
        for (name, _) in &asked {
            if let Some(pool) = self.pools.get_mut(name) {
                any |= pool.peeked(due.get(&**name), now);
            }
        }
        Ok(any)
    }

    /// Has some of those pools surveyed whose time has come, beside the claims.
    pub(super) fn survey(&mut self) {
        if self.surveys {
            return;
        }
        let now = Instant::now();
        let due = |pool: &mut PoolState| Some((Arc::clone(&pool.name), pool.bounds.survey(now)?));
        let pools: Vec<_> = self.pools.values_mut().filter_map(due).take(SURVEYED).collect();
        if pools.is_empty() {
            return;
        }
        self.surveys = true;
        let shared = Arc::clone(&self.shared);
        self.shared.attempts.spawn(async move {
            let overdue = async |conn: &mut PgConnection| {
                shared.store().overdue(conn, &pools, &shared.functions).await
            };
            let survey = shared.control(overdue).await.ok().map(|(found, took)| {
                let way = now.elapsed().saturating_sub(took);
                Survey { found, took, way }
            });
            let pools = pools.into_iter().map(|(pool, _)| pool).collect();
            // The dispatcher may have stopped: it wants to know nothing then.
            let _ = shared.events.send(Event::Surveyed(pools, survey));
        });
    }

    /// Takes in the answer, if there was one.
    pub(super) fn surveyed(&mut self, pools: &[Arc<str>], survey: Option<&Survey>) {
        self.surveys = false;
        let now = Instant::now();
        for name in pools {
            let Some(pool) = self.pools.get_mut(name) else { continue };
            let found = survey.is_some_and(|survey| survey.found.iter().any(|f| **f == **name));
            pool.bounds.surveyed(survey.map(|survey| (found, survey)), now);
            if found {
                pool.wake();
            }
        }
    }
}
