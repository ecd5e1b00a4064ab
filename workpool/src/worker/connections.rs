//! The connections of a worker, apart from the application's: what one part uses up, another does
//! not miss.

use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{SqlSafeStr, SqlStr};

use super::permits::BESIDE;
use super::settings::Settings;
use crate::handle::Workpool;
use crate::store::{BEGIN, BEGIN_READING, Chosen, KEEPALIVES, Link, Stock, begin_with_settings};

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// The loops.
    Control,
    /// The ends of attempts, which give up waiting for a lock soon: others come first.
    Ending,
    /// The transactions of mutations, queries and callbacks.
    Bodies,
}

/// The connections of one worker.
#[derive(Debug, Clone)]
pub(crate) struct Connections {
    pub(crate) control: Link,
    pub(crate) ending: Link,
    pub(crate) bodies: Link,
    pub(crate) callbacks: Link,
    /// How the transaction of a body begins.
    pub(crate) begin: SqlStr,
    pub(crate) begin_reading: SqlStr,
    /// What the heartbeat connects with, on its own runtime.
    pub(crate) options: PgConnectOptions,
    /// How its transaction begins, through a pooler.
    pub(crate) begin_renewal: Option<SqlStr>,
}

/// Names of statements that others left on a server of a pooler would collide with a body's own.
const FORGET_STATEMENTS: &str = "DEALLOCATE ALL";

impl Connections {
    pub(crate) fn open(workpool: &Workpool, settings: &Settings) -> Self {
        let link = |name, purpose, size| link(workpool, settings, name, purpose, size);
        let pooled = workpool.store().is_pooled();
        let body = body_settings(settings);
        let begin = |plain: &'static str| {
            if pooled {
                begin_with_settings(plain, &body, FORGET_STATEMENTS)
            } else {
                plain.into_sql_str()
            }
        };
        Self {
            control: link("workpool", Purpose::Control, 5),
            ending: link("workpool ends", Purpose::Ending, 2),
            bodies: link("workpool mutations", Purpose::Bodies, settings.transactions + BESIDE),
            callbacks: link("workpool callbacks", Purpose::Bodies, settings.callbacks),
            begin: begin(BEGIN),
            begin_reading: begin(BEGIN_READING),
            options: options(workpool, "workpool heartbeat"),
            begin_renewal: pooled.then(|| BEGIN.into_sql_str()),
        }
    }

    /// Closes all of them, but waits for none that somebody does not give back.
    pub(crate) async fn close(&self, patience: Duration) {
        for link in [&self.control, &self.ending, &self.bodies, &self.callbacks] {
            link.close(patience).await;
        }
    }
}

fn options(workpool: &Workpool, name: &str) -> PgConnectOptions {
    let options = workpool.db().connect_options().as_ref().clone().application_name(name);
    if workpool.store().is_pooled() {
        return options.extra_float_digits(None).statement_cache_capacity(0);
    }
    options
}

fn link(workpool: &Workpool, settings: &Settings, name: &str, purpose: Purpose, size: u32) -> Link {
    let chosen = match purpose {
        Purpose::Control | Purpose::Ending => control_settings(settings, purpose),
        Purpose::Bodies => body_settings(settings),
    };
    let (options, deadline) = (options(workpool, name), settings.deadline());
    if workpool.store().is_pooled() {
        // What a connection is told is forgotten with its transaction.
        let begin = begin_with_settings(BEGIN, &chosen, "");
        return Link::own(Stock::new(options, size, Vec::new(), false), Some(begin), deadline);
    }
    let replans = purpose == Purpose::Bodies;
    Link::own(Stock::new(options, size, chosen, replans), None, deadline)
}

/// What our statements rely on, whatever the defaults of the database are.
fn control_settings(settings: &Settings, purpose: Purpose) -> Chosen {
    let millis = |time: Duration| format!("{}ms", time.as_millis());
    // The server gives up before the client does, so that nothing goes on without it.
    let deadline = settings.deadline();
    let patience = match purpose {
        Purpose::Ending => Duration::from_millis(200),
        _ => (deadline / 2).min(Duration::from_secs(2)),
    };
    let mut chosen = vec![
        ("statement_timeout", millis(deadline * 4 / 5)),
        ("lock_timeout", millis(patience)),
        // Their tables are often larger than the planner knows; our statements go by their indexes.
        ("enable_seqscan", "off".into()),
        ("enable_bitmapscan", "off".into()),
        // One plan for good: what they go by does not depend on the values.
        ("plan_cache_mode", "force_generic_plan".into()),
        // With scans off, a small table without an index seems so costly that it would be compiled.
        ("jit", "off".into()),
    ];
    chosen.extend(common_settings(Duration::from_secs(10)));
    chosen
}

/// What a body does between its statements is its own business, within reason.
fn body_settings(settings: &Settings) -> Chosen {
    common_settings((settings.lease * 2).max(Duration::from_mins(10)))
}

/// Whoever is frozen, cut off or gone inside a transaction must not hold its locks for long.
fn common_settings(idle: Duration) -> Chosen {
    let mut chosen = vec![
        ("idle_in_transaction_session_timeout", format!("{}ms", idle.as_millis())),
        ("default_transaction_isolation", "read committed".into()),
    ];
    chosen.extend(KEEPALIVES.map(|(name, value)| (name, value.into())));
    chosen
}
