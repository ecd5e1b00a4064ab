//! Pools and functions that stand still.

use super::{Finding, note, or_ok, problem, warning};
use crate::view::{Health, PoolOverview};

pub(super) fn pools(pools: &[PoolOverview]) -> Vec<Finding> {
    let mut all = Vec::new();
    for pool in pools {
        let name = &pool.name;
        let what = format!("pool `{name}`: {}", pool.reason);
        match pool.health {
            // Told with its function and all pools by `unknown_functions`.
            Health::Ok | Health::UnknownFunction => {}
            Health::Paused if pool.backlog.is_zero() => {
                all.push(note("pool paused", what, "resume it when it is time"));
            }
            Health::Paused => all.push(warning("pool paused", what, "resume it when it is time")),
            Health::NoWorker => {
                all.push(problem("pool without worker", what, "start a worker that serves it"));
            }
            Health::Failing => all.push(problem("pool fails", what, "look at its failures")),
            Health::Saturated => {
                let next = "look at what runs there; raise its limit if the machines can do more";
                all.push(warning("pool saturated", what, next));
            }
            Health::Behind => {
                let next = "ask of the oldest item why it does not run; look for locks on its row";
                all.push(warning("pool behind", what, next));
            }
        }
        if !pool.parked_callbacks.is_zero() {
            let what = format!("pool `{name}` has {} parked callbacks", pool.parked_callbacks);
            let next = "mend the cause, then replay them";
            all.push(warning("parked callbacks", what, next));
        }
    }
    let well = format!("{} pools do what they should", pools.len());
    or_ok(all, "pools", &well)
}

pub(super) fn unknown_functions(rows: Vec<(String, String, i64)>) -> Vec<Finding> {
    let tell = |(function, pool, items): (String, String, i64)| {
        let what = format!(
            "{items} due in pool `{pool}` are for the function `{function}`, which no live worker knows"
        );
        let next = "deploy a worker that has it, or cancel them";
        problem("unknown function", what, next)
    };
    rows.into_iter().map(tell).collect()
}

pub(super) fn lost_pools(names: Vec<String>) -> Vec<Finding> {
    let tell = |name: String| {
        let what = format!("pool `{name}` has work, and is not in the database");
        let next = "create it, or start a process that declares it";
        problem("unknown pool", what, next)
    };
    names.into_iter().map(tell).collect()
}
