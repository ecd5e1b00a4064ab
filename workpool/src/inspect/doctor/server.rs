//! The server: settings, clock, schema, user.

use std::time::SystemTime;

use super::{Finding, Time, note, ok, or_ok, problem, warning};
use crate::store::{RoleRow, ServerRow};

/// The oldest server that is supported.
const OLDEST: i32 = 130_000;
/// Of about two thousand million transactions, after which a server stops.
const XIDS: i64 = 1_000_000_000;

pub(super) fn settings(row: &ServerRow) -> Vec<Finding> {
    let mut all = Vec::new();
    if row.version < OLDEST {
        let what = format!("PostgreSQL {} is older than 13", row.version_text);
        all.push(problem("version", what, "upgrade the server"));
    }
    if row.standby {
        let what = "this server is a standby: nothing can be enqueued, run or steered here";
        all.push(problem("standby", what, "connect to the primary"));
    }
    if row.fsync == "off" {
        let what = "fsync is off: a crash of the server can destroy the database";
        all.push(problem("fsync", what, "set fsync = on and restart"));
    }
    if row.full_page_writes == "off" {
        let what = "full_page_writes is off: a crash of the server can tear pages";
        all.push(warning("full_page_writes", what, "set full_page_writes = on"));
    }
    if row.synchronous_commit == "off" {
        let what = "synchronous_commit is off: a crash of the server forgets the last moments: work \
                    that was enqueued can be missing, and work that had ended can run again";
        all.push(warning("synchronous_commit", what, "set synchronous_commit = on"));
    }
    if row.autovacuum == "off" || row.track_counts == "off" {
        let what = "autovacuum is off: the tables of work grow, and everything gets slower";
        all.push(problem("autovacuum", what, "set autovacuum = on and track_counts = on"));
    }
    if row.connections * 10 >= i64::from(row.max_connections) * 8 {
        let what = format!("{} of {} connections are in use", row.connections, row.max_connections);
        let next = "have fewer connections in each process, put a pooler in front, or raise \
                    max_connections";
        all.push(warning("connections", what, next));
    }
    if row.queue > 0.5 {
        let what = format!("the queue of notifications is {:.0} % full", row.queue * 100.0);
        let next = "some session has said LISTEN and stays in a transaction: end it";
        all.push(problem("notifications", what, next));
    } else if row.queue > 0.1 {
        let what = format!("the queue of notifications is {:.0} % full", row.queue * 100.0);
        all.push(warning(
            "notifications",
            what,
            "look for sessions that are idle in a transaction",
        ));
    }
    if row.xid_age.is_some_and(|age| age > XIDS) {
        let what = "the database has not been frozen for a thousand million transactions";
        all.push(problem("wraparound", what, "VACUUM FREEZE; look for what holds vacuum back"));
    }
    let well = format!("PostgreSQL {}, settings as they should be", row.version_text);
    or_ok(all, "server", &well)
}

/// `asked` and `answered`: by the clock of this machine.
pub(super) fn clock(there: Time, asked: SystemTime, answered: SystemTime) -> Finding {
    let (there, asked, answered) = (there, Time::new(asked), Time::new(answered));
    let (behind, ahead) = (asked.since(there), there.since(answered));
    let off = behind.max(ahead);
    if off.as_secs() >= 2 {
        let word = if behind > ahead { "behind" } else { "ahead of" };
        let what =
            format!("the clock of the database is {} s {word} this machine's", off.as_secs());
        let next = "workpool goes by the clock of the database; set the clock that is wrong";
        return warning("clock", what, next);
    }
    ok("clock", "the clock of the database and this machine's agree")
}

pub(super) fn schema(name: &str, version: Option<i32>) -> Finding {
    // A schema of another version would have refused the connection.
    ok("schema", format!("schema `{name}` has version {}", version.unwrap_or(0)))
}

pub(super) fn role(row: &RoleRow) -> Vec<Finding> {
    let name = &row.name;
    if row.superuser == Some(true) {
        let what = format!("`{name}` is a superuser");
        let next = "for workers and applications use roles with few privileges: see SECURITY.md";
        return vec![note("role", what, next)];
    }
    let may = [
        (row.reads, "read"),
        (row.sees_arguments, "see arguments"),
        (row.enqueues, "enqueue"),
        (row.works, "run work"),
        (row.steers, "steer"),
    ];
    let words: Vec<_> = may.iter().filter(|(may, _)| *may).map(|(_, word)| *word).collect();
    vec![ok("role", format!("`{name}` may {}", words.join(", ")))]
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::store::Timestamp;
    use crate::view::Severity;

    fn healthy() -> ServerRow {
        ServerRow {
            version: 150_004,
            version_text: "15.4".into(),
            standby: false,
            fsync: "on".into(),
            full_page_writes: "on".into(),
            synchronous_commit: "on".into(),
            autovacuum: "on".into(),
            track_counts: "on".into(),
            max_connections: 100,
            connections: 12,
            listeners: 2,
            queue: 0.0,
            clock: Timestamp(0),
            xid_age: Some(1000),
        }
    }

    #[test]
    fn each_setting_that_hurts_is_named() {
        let found = |row: ServerRow| {
            let all = settings(&row);
            assert_eq!(all.len(), 1);
            (all[0].check, all[0].severity)
        };
        assert_eq!(found(healthy()), ("server", Severity::Ok));
        let off = || "off".to_owned();
        let fsync = ServerRow { fsync: off(), ..healthy() };
        assert_eq!(found(fsync), ("fsync", Severity::Problem));
        let lazy = ServerRow { synchronous_commit: off(), ..healthy() };
        assert_eq!(found(lazy), ("synchronous_commit", Severity::Warning));
        let dusty = ServerRow { autovacuum: off(), ..healthy() };
        assert_eq!(found(dusty), ("autovacuum", Severity::Problem));
        let full = ServerRow { connections: 80, ..healthy() };
        assert_eq!(found(full), ("connections", Severity::Warning));
        let jammed = ServerRow { queue: 0.6, ..healthy() };
        assert_eq!(found(jammed), ("notifications", Severity::Problem));
        let standby = ServerRow { standby: true, ..healthy() };
        assert_eq!(found(standby), ("standby", Severity::Problem));
        let old = ServerRow { version: 120_000, ..healthy() };
        assert_eq!(found(old), ("version", Severity::Problem));
    }

    #[test]
    fn clocks_that_differ_are_told() {
        let now = SystemTime::now();
        let at = |time| clock(Time::new(time), now, now).severity;
        assert_eq!(at(now), Severity::Ok);
        assert_eq!(at(now + Duration::from_secs(5)), Severity::Warning);
        assert_eq!(at(now - Duration::from_secs(5)), Severity::Warning);
    }
}
