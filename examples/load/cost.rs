//! What something costs: processor time here and in PostgreSQL, and bytes of its log.

use std::fs;

use anyhow::Result;
use serde_json::{Value, json};
use sqlx::postgres::PgConnection;

/// Counters at one moment, or what they grew by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    /// Microseconds of this process, where the system tells.
    pub(crate) process_us: Option<u64>,
    /// Microseconds of all processes of the server, where it runs on this machine.
    pub(crate) postgres_us: Option<u64>,
    pub(crate) wal_bytes: u64,
    /// Transactions in this database; a statement by itself is one. Late by up to a second.
    pub(crate) transactions: u64,
}

const COUNTERS: &str = "
    SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint, xact_commit + xact_rollback, pg_backend_pid()
    FROM pg_stat_database WHERE datname = current_database()";

impl Cost {
    pub(crate) async fn read(observer: &mut PgConnection) -> Result<Self> {
        let (wal, transactions, backend): (i64, i64, i32) =
            sqlx::query_as(COUNTERS).fetch_one(observer).await?;
        let own = Ticks::of("self");
        Ok(Self {
            process_us: own.map(|ticks| ticks.own * TICK_US),
            postgres_us: server_ticks(backend).map(|ticks| ticks * TICK_US),
            wal_bytes: wal.unsigned_abs(),
            transactions: transactions.unsigned_abs(),
        })
    }

    pub(crate) fn since(&self, before: &Self) -> Self {
        let less = |now: Option<u64>, then: Option<u64>| Some(now?.saturating_sub(then?));
        Self {
            process_us: less(self.process_us, before.process_us),
            postgres_us: less(self.postgres_us, before.postgres_us),
            wal_bytes: self.wal_bytes - before.wal_bytes,
            transactions: self.transactions - before.transactions,
        }
    }

    /// Adds its share of each of `n` items to the numbers of a run.
    #[expect(clippy::cast_precision_loss, reason = "a share need not be exact")]
    pub(crate) fn per_item(&self, n: u64, numbers: &mut Value) {
        let share = |whole: u64| whole as f64 / n.max(1) as f64;
        numbers["process_us"] = json!(self.process_us.map(share));
        numbers["postgres_us"] = json!(self.postgres_us.map(share));
        numbers["wal_bytes"] = json!(share(self.wal_bytes));
    }
}

/// The unit of processor time in `/proc`, which Linux has fixed.
const TICK_US: u64 = 10_000;

/// Processor time of one process.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Ticks {
    parent: u64,
    own: u64,
    /// Of its children that have ended.
    reaped: u64,
}

impl Ticks {
    fn of(pid: &str) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (_, rest) = text.rsplit_once(')')?;
        let fields: Vec<_> = rest.split_whitespace().collect();
        let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
        Some(Self {
            parent: number(1)?,
            own: number(11)? + number(12)?,
            reaped: number(13)? + number(14)?,
        })
    }
}

/// All that the server of this backend has used, if both are processes of this machine.
fn server_ticks(backend: i32) -> Option<u64> {
    let name = fs::read_to_string(format!("/proc/{backend}/comm")).ok()?;
    if name.trim() != "postgres" {
        return None;
    }
    let server = Ticks::of(&backend.to_string())?.parent;
    // Again if a backend ended meanwhile: it would be missed, or counted twice.
    for _ in 0..10 {
        let before = Ticks::of(&server.to_string())?;
        let mut sum = before.own + before.reaped;
        for entry in fs::read_dir("/proc").ok()? {
            let ticks = Ticks::of(entry.ok()?.file_name().to_str()?);
            sum += ticks.filter(|ticks| ticks.parent == server).map_or(0, |ticks| ticks.own);
        }
        if Ticks::of(&server.to_string())?.reaped == before.reaped {
            return Some(sum);
        }
    }
    None
}

/// The memory of this process in MiB: now, and at most so far.
pub(crate) fn memory() -> (Option<u64>, Option<u64>) {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
        Some(kib / 1024)
    };
    (field("VmRSS:"), field("VmHWM:"))
}
