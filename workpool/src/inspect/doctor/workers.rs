//! Workers that are dead, missing, or of another version.

use std::collections::BTreeSet;

use super::{Finding, note, ok, or_ok, problem, warning};
use crate::view::{PoolOverview, WorkerRow};

/// The version of this program.
const HERE: &str = env!("CARGO_PKG_VERSION");

/// Whether anybody hears of what happens elsewhere, where somebody should.
pub(super) fn listener(listeners: i64, workers: &[WorkerRow]) -> Option<Finding> {
    if !workers.iter().any(|worker| worker.alive) {
        return None;
    }
    if listeners == 0 {
        let what = "nobody listens for notifications: workers find out by looking, some time later";
        let next = "unless that is meant, give workers a `listen_url` past the pooler";
        return Some(note("listener", what, next));
    }
    Some(ok("listener", format!("{listeners} sessions listen for notifications")))
}

pub(super) fn workers(workers: &[WorkerRow], pools: &[PoolOverview]) -> Vec<Finding> {
    let alive: Vec<_> = workers.iter().filter(|worker| worker.alive).collect();
    let mut all = Vec::new();
    if alive.is_empty() {
        let waits = pools.iter().any(|pool| !pool.backlog.is_zero());
        let next = "start a worker";
        all.push(if waits {
            problem("workers", "no worker is alive, and work is due", next)
        } else {
            note("workers", "no worker is alive", next)
        });
    }
    for dead in workers.iter().filter(|worker| !worker.alive) {
        let (host, pid, ago) = (&dead.host, dead.pid, -dead.lease_left_ms / 1000);
        let what = format!("worker {host}:{pid} is dead for {ago} s, and not yet recovered");
        let next = "any live worker recovers it; what it has locked by an open transaction waits";
        all.push(warning("dead worker", what, next));
    }
    let versions: BTreeSet<_> = alive.iter().map(|worker| &*worker.version).collect();
    let shown = || versions.iter().copied().collect::<Vec<_>>().join(", ");
    if versions.len() > 1 {
        let what = format!("live workers have different versions: {}", shown());
        all.push(warning("worker versions", what, "finish the deployment"));
    } else if versions.iter().any(|version| *version != HERE) {
        let what = format!("workers have version {}, this program {HERE}", shown());
        all.push(note("worker versions", what, ""));
    }
    let well = format!("{} workers are alive, of version {}", alive.len(), shown());
    or_ok(all, "workers", &well)
}
