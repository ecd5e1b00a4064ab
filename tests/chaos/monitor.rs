//! What must hold all the time, looked at all the time: limits, legal steps, sessions, connections,
//! memory.

use std::collections::HashMap;
use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::timeline::Timeline;

const PAUSE: Duration = Duration::from_millis(500);
/// Whoever lived for less is not judged for growing.
const LONG: Duration = Duration::from_mins(2);

/// What is allowed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Allowed {
    pub(crate) connections: i64,
    /// No session of a worker sits idle in a transaction for longer. `None`: some are frozen.
    pub(crate) idle: Option<Duration>,
}

/// What was seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) breaches: Vec<String>,
    pub(crate) connections: i64,
    /// By process: when it was first and last looked at, and its resident pages at each look.
    memory: HashMap<u32, (Instant, Instant, Vec<u64>)>,
}

/// Looks until it is stopped.
#[derive(Debug)]
pub(crate) struct Monitor {
    handle: JoinHandle<Seen>,
    stop: CancellationToken,
}

impl Monitor {
    pub(crate) fn start(to: PgConnectOptions, allowed: Allowed, timeline: Timeline) -> Self {
        let stop = CancellationToken::new();
        let options = PgPoolOptions::new().max_connections(1).acquire_timeout(PAUSE * 4);
        let db = options.connect_lazy_with(to.application_name("chaos monitor"));
        let looker =
            Looker { db, allowed, timeline, seen: Seen::default(), known: Known::default() };
        Self { handle: tokio::spawn(looker.run(stop.clone())), stop }
    }

    pub(crate) async fn stop(self) -> Seen {
        self.stop.cancel();
        self.handle.await.expect("the monitor does not panic")
    }
}

impl Seen {
    /// The largest growth of a process that lived for long, in percent: what it needed at most in the
    /// second half of its life beyond what it needed in the first. Allocators keep what a burst of work
    /// once took; a leak goes on.
    pub(crate) fn growth(&self) -> Option<u64> {
        let grown = |(first_at, last_at, pages): &(Instant, Instant, Vec<u64>)| {
            let (first, second) = pages.split_at(pages.len() / 2);
            let (first, second) = (first.iter().max()?, second.iter().max()?);
            (*last_at - *first_at > LONG).then(|| second.saturating_sub(*first) * 100 / first)
        };
        self.memory.values().filter_map(grown).max()
    }
}

#[derive(Debug, Default)]
struct Known {
    beyond: i64,
    illegal: i64,
    crowded: bool,
}

struct Looker {
    db: PgPool,
    allowed: Allowed,
    timeline: Timeline,
    seen: Seen,
    known: Known,
}

impl Looker {
    async fn run(mut self, stop: CancellationToken) -> Seen {
        while !stop.is_cancelled() {
            // While the server is down there is nothing to see.
            let _ = self.look().await;
            tokio::select! {
                () = sleep(PAUSE) => {}
                () = stop.cancelled() => {}
            }
        }
        self.seen
    }

    fn breach(&mut self, what: String) {
        self.timeline.note("BREACH", "monitor", &what);
        self.seen.breaches.push(what);
    }

    async fn look(&mut self) -> Result<(), sqlx::Error> {
        let (beyond, illegal): (i64, i64) = sqlx::query_as(
            "SELECT (SELECT count(*) FROM audit_breaches),
                (SELECT count(*) FROM audit_moves WHERE NOT legal)
                    + (SELECT count(*) FROM audit_slots WHERE granted < running)",
        )
        .fetch_one(&self.db)
        .await?;
        if beyond > self.known.beyond {
            self.breach(format!("{beyond} starts beyond the limit"));
        }
        if illegal > self.known.illegal {
            self.breach(format!("{illegal} illegal steps and grants"));
        }
        (self.known.beyond, self.known.illegal) = (beyond, illegal);
        self.look_at_sessions().await?;
        let pids: Vec<i64> =
            sqlx::query_scalar("SELECT pid FROM workpool.workers").fetch_all(&self.db).await?;
        for pid in pids.into_iter().filter_map(|pid| u32::try_from(pid).ok()) {
            self.weigh(pid);
        }
        Ok(())
    }

    async fn look_at_sessions(&mut self) -> Result<(), sqlx::Error> {
        let allowed = self.allowed.idle.unwrap_or(Duration::from_hours(1));
        let (idle, connections): (Vec<String>, i64) = sqlx::query_as(
            "SELECT COALESCE(array_agg(application_name || ': ' || left(query, 80)) FILTER (
                    WHERE state LIKE 'idle in transaction%'
                        AND clock_timestamp() - state_change > $1 * interval '1 ms'
                ), '{}'), count(*)
            FROM pg_stat_activity
            WHERE datname = current_database() AND backend_type = 'client backend'",
        )
        .bind(f64::from(u32::try_from(allowed.as_millis()).unwrap_or(u32::MAX)))
        .fetch_one(&self.db)
        .await?;
        for session in idle {
            self.breach(format!("idle in a transaction for more than {allowed:?}: {session}"));
        }
        self.seen.connections = self.seen.connections.max(connections);
        // Those of a process that has just died may still be there.
        let crowded = connections > self.allowed.connections;
        if crowded && self.known.crowded {
            self.breach(format!("{connections} connections"));
        }
        self.known.crowded = crowded;
        Ok(())
    }

    fn weigh(&mut self, pid: u32) {
        let Some(pages) = resident(pid) else { return };
        let now = Instant::now();
        let (_, last_at, all) = self.seen.memory.entry(pid).or_insert((now, now, Vec::new()));
        *last_at = now;
        all.push(pages);
    }
}

/// The resident pages of a process.
fn resident(pid: u32) -> Option<u64> {
    let statm = std::fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    statm.split(' ').nth(1)?.parse().ok()
}
