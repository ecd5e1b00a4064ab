//! The tables, and what lets them grow.

use super::{Finding, note, or_ok, problem, warning};
use crate::store::{HoldRow, TableRow};

/// A transaction open for so long is worth a warning, and much longer a problem.
const LONG_S: f64 = 600.0;
const VERY_LONG_S: f64 = 3600.0;
/// An idle one, so long.
const IDLE_S: f64 = 60.0;
/// Transactions that a slot or a standby may lag.
const XIDS: i64 = 1_000_000;
/// Dead rows that do not matter.
const DEAD: i64 = 50_000;

pub(super) fn holds(rows: &[HoldRow]) -> Vec<Finding> {
    let all = rows.iter().filter_map(hold).collect();
    or_ok(all, "old snapshots", "nothing keeps vacuum from removing dead rows")
}

fn hold(row: &HoldRow) -> Option<Finding> {
    let name = row.name.as_deref().unwrap_or_default();
    let what = row.what.as_deref().unwrap_or_default();
    let minutes = row.seconds.unwrap_or(0.0) / 60.0;
    let seconds = row.seconds.unwrap_or(0.0);
    match (&*row.kind, row.state.as_deref()) {
        ("session", Some(state)) if state.starts_with("idle in transaction") => {
            let what =
                format!("process {name} ({what}) is idle in a transaction for {minutes:.0} min");
            let next = format!("end its transaction, or: SELECT pg_terminate_backend({name})");
            let found = if seconds >= LONG_S { problem } else { warning };
            (seconds >= IDLE_S).then(|| found("idle transaction", what, next))
        }
        ("session", _) => {
            let what = format!("process {name} ({what}) is in a transaction for {minutes:.0} min");
            let next = format!("let it end, or: SELECT pg_cancel_backend({name})");
            let found = if seconds >= VERY_LONG_S { problem } else { warning };
            (seconds >= LONG_S).then(|| found("old snapshot", what, next))
        }
        ("prepared", _) => {
            let what =
                format!("prepared transaction `{name}` of {what} waits for {minutes:.0} min");
            let next = format!("COMMIT PREPARED '{name}' or ROLLBACK PREPARED '{name}'");
            (seconds >= LONG_S).then(|| problem("prepared transaction", what, next))
        }
        ("slot", state) => {
            let lag = row.xids.unwrap_or(0);
            let inactive = state == Some("inactive");
            let what = format!(
                "replication slot `{name}` is {}, {lag} transactions behind",
                state.unwrap_or_default()
            );
            let next = format!("connect its reader, or: SELECT pg_drop_replication_slot('{name}')");
            (inactive || lag > XIDS).then(|| warning("replication slot", what, next))
        }
        ("standby", _) => {
            let lag = row.xids.unwrap_or(0);
            let what = format!("standby `{name}` holds a snapshot {lag} transactions old");
            let next = "look for long queries there; hot_standby_feedback passes them on";
            (lag > XIDS).then(|| warning("standby", what, next))
        }
        _ => None,
    }
}

pub(super) fn tables(rows: &[TableRow]) -> Vec<Finding> {
    let mut all = Vec::new();
    for row in rows {
        let name = &row.name;
        if row.switched_off {
            let what = format!("autovacuum is switched off for table `{name}`");
            let next = format!("ALTER TABLE … {name} RESET (autovacuum_enabled)");
            all.push(problem("autovacuum", what, next));
        }
        if row.dead > DEAD && row.dead > row.live {
            let since = row
                .vacuumed_s
                .map_or("never vacuumed".into(), |s| format!("vacuumed {:.0} min ago", s / 60.0));
            let what = format!(
                "table `{name}` has {} dead rows for {} live ones, {since}",
                row.dead, row.live
            );
            let next = "look for old snapshots; then VACUUM it";
            all.push(warning("bloat", what, next));
        }
    }
    let total: i64 = rows.iter().map(|row| row.bytes).sum();
    let well = format!("{} tables, {} MB, few dead rows", rows.len(), total / (1 << 20));
    if rows.is_empty() {
        return vec![note("tables", "the statistics of the tables cannot be read", "")];
    }
    or_ok(all, "tables", &well)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::Severity;

    fn row(kind: &str, state: &str, seconds: f64, xids: i64) -> HoldRow {
        let text = |text: &str| Some(text.to_owned());
        HoldRow {
            kind: kind.into(),
            name: text("4711"),
            state: text(state),
            what: text("app"),
            seconds: Some(seconds),
            xids: Some(xids),
        }
    }

    fn found(row: HoldRow) -> (&'static str, Severity) {
        let all = holds(&[row]);
        (all[0].check, all[0].severity)
    }

    #[test]
    fn what_holds_vacuum_back_is_named_with_its_process() {
        let idle = row("session", "idle in transaction", 90.0, 1);
        assert!(holds(std::slice::from_ref(&idle))[0].next.contains("pg_terminate_backend(4711)"));
        assert_eq!(found(idle), ("idle transaction", Severity::Warning));
        let idle = row("session", "idle in transaction (aborted)", 900.0, 1);
        assert_eq!(found(idle), ("idle transaction", Severity::Problem));
        assert_eq!(found(row("session", "active", 90.0, 1)), ("old snapshots", Severity::Ok));
        assert_eq!(found(row("session", "active", 900.0, 1)), ("old snapshot", Severity::Warning));
        assert_eq!(found(row("session", "active", 9000.0, 1)), ("old snapshot", Severity::Problem));
        let prepared = row("prepared", "", 900.0, 1);
        assert_eq!(found(prepared), ("prepared transaction", Severity::Problem));
        let slot = row("slot", "inactive", 0.0, 1);
        assert_eq!(found(slot), ("replication slot", Severity::Warning));
        let standby = row("standby", "streaming", 0.0, 2_000_000);
        assert_eq!(found(standby), ("standby", Severity::Warning));
    }
}
