//! The metrics of one life of a worker, and those that belong to none.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use metrics::{Gauge, counter, gauge};

use super::function::{CallbackMeter, FunctionMeter};
use super::level::Level;
use super::names;
use super::pool::PoolMeter;
use crate::store::{Look, NewWork, PoolSync};

/// What a worker has registered with the recorder, so that nothing is looked up there again.
#[derive(Debug)]
pub(crate) struct Meter {
    pools: Mutex<HashMap<Arc<str>, PoolMeter>>,
    callbacks: Mutex<HashMap<Box<str>, CallbackMeter>>,
    own: Mutex<Own>,
}

/// What is measured of the worker itself.
#[derive(Debug)]
struct Own {
    workers: Level,
    lease: Gauge,
    transactions: Level,
    connections: HashMap<&'static str, Level>,
}

/// The state of a worker, as it is read once in a while.
#[derive(Debug)]
pub(crate) struct Sample {
    /// For how long its lease is valid.
    pub(crate) lease: Duration,
    pub(crate) transactions: usize,
    /// Connections in use, by what they are for.
    pub(crate) connections: [(&'static str, usize); 5],
}

impl Meter {
    pub(crate) fn new() -> Self {
        names::describe();
        // It is there before it counts anything.
        counter!(names::LEASES_LOST).increment(0);
        let own = Own {
            workers: Level::new(gauge!(names::WORKERS), 0.0),
            lease: gauge!(names::LEASE),
            transactions: Level::new(gauge!(names::TRANSACTIONS), 0.0),
            connections: HashMap::new(),
        };
        Self { pools: Mutex::default(), callbacks: Mutex::default(), own: Mutex::new(own) }
    }

    pub(crate) fn function(&self, pool: &Arc<str>, function: &str) -> FunctionMeter {
        self.in_pool(pool, |pool| pool.function(function))
    }

    pub(crate) fn callback(&self, callback: &str) -> CallbackMeter {
        let mut callbacks = locked(&self.callbacks);
        if let Some(known) = callbacks.get(callback) {
            return known.clone();
        }
        let new = CallbackMeter::new(callback);
        callbacks.insert(callback.into(), new.clone());
        new
    }

    /// A claim has got so many items of a pool.
    pub(crate) fn claimed(&self, pool: &Arc<str>, items: i64) {
        self.in_pool(pool, |pool| pool.claimed(items));
    }

    /// Takes in the pools as they are in the database.
    pub(crate) fn synced(&self, rows: &[PoolSync]) {
        let mut pools = locked(&self.pools);
        for row in rows {
            if !pools.contains_key(&*row.pool) {
                let name = Arc::from(&*row.pool);
                pools.insert(Arc::clone(&name), PoolMeter::new(&name));
            }
        }
        for (name, pool) in &mut *pools {
            pool.synced(rows.iter().find(|row| *row.pool == **name));
        }
    }

    pub(crate) fn sampled(&self, sample: &Sample) {
        let mut own = locked(&self.own);
        own.workers.set(f64::from(u8::from(!sample.lease.is_zero())));
        own.lease.set(sample.lease);
        own.transactions.set(count(sample.transactions));
        for (link, used) in sample.connections {
            let new = || Level::new(gauge!(names::CONNECTIONS, "link" => link), 0.0);
            own.connections.entry(link).or_insert_with(new).set(count(used));
        }
    }

    /// This worker reports the pool.
    pub(crate) fn looked(&self, pool: &Arc<str>, backlog: i64, look: &Look) {
        self.in_pool(pool, |pool| pool.looked(backlog, look, Instant::now()));
    }

    /// It has asked at `now` which pools are its to report; those that it reported last a window
    /// before, and now does not, somebody else does.
    pub(crate) fn forget_looks(&self, window: Duration, now: Instant) {
        locked(&self.pools).values_mut().for_each(|pool| pool.forget_look(window, now));
    }

    /// The worker ends: what it holds and has seen is no more.
    pub(crate) fn over(&self) {
        locked(&self.pools).values_mut().for_each(PoolMeter::over);
        let mut own = locked(&self.own);
        own.workers.set(0.0);
        own.lease.set(0.0);
        own.transactions.set(0.0);
        own.connections.clear();
    }

    fn in_pool<T>(&self, name: &Arc<str>, then: impl FnOnce(&mut PoolMeter) -> T) -> T {
        let mut pools = locked(&self.pools);
        if let Some(pool) = pools.get_mut(name) {
            return then(pool);
        }
        then(pools.entry(Arc::clone(name)).or_insert_with_key(PoolMeter::new))
    }
}

/// Items of one pool were written.
pub(crate) fn enqueued(items: &[NewWork]) {
    for of_one in items.chunk_by(|a, b| a.function == b.function) {
        let pool = Arc::<str>::from(&*of_one[0].pool);
        let function = of_one[0].function;
        counter!(names::ENQUEUED, "pool" => pool, "function" => function)
            .increment(of_one.len() as u64);
    }
}

pub(crate) fn lease_lost() {
    counter!(names::LEASES_LOST).increment(1);
}

/// The database refused an operation of ours, or did not answer.
pub(crate) fn failed(error: &sqlx::Error) {
    counter!(names::DATABASE_ERRORS, "class" => class(error)).increment(1);
}

/// The class of the SQLSTATE; for errors without one, what it was that failed.
fn class(error: &sqlx::Error) -> Cow<'static, str> {
    let word = match error {
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) => "connection",
        sqlx::Error::PoolTimedOut => "no connection",
        sqlx::Error::Database(refusal) => {
            let code = refusal.code().unwrap_or_default();
            return code.get(..2).map_or("other".into(), |class| class.to_owned().into());
        }
        _ => "other",
    };
    word.into()
}

#[expect(clippy::cast_precision_loss, reason = "a count")]
const fn count(count: usize) -> f64 {
    count as f64
}

/// Locks that no code panics with.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no code panics with this lock")
}
