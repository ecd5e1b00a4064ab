//! One file a scenario: what is done to whom and when, and what only this scenario asks.

use std::time::Duration;

use serde_json::{Value, json};

pub(crate) mod clocks;
pub(crate) mod database;
pub(crate) mod failover;
pub(crate) mod limits;
pub(crate) mod network;
pub(crate) mod pooler;
pub(crate) mod shutdown;
pub(crate) mod storm;
pub(crate) mod zombies;

/// How a number of times is shown.
pub(crate) fn percentiles(mut times: Vec<Duration>) -> Value {
    times.sort_unstable();
    let ms = |percent: usize| {
        let at = (times.len() * percent).div_ceil(100).saturating_sub(1);
        times.get(at).map_or(0, |time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
    };
    json!({"n": times.len(), "p50": ms(50), "p99": ms(99), "max": ms(100)})
}
