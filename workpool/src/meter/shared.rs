//! The metrics of pools over all processes, which are read from the database.

use metrics::gauge;

use super::names;
use crate::view::PoolOverview;

/// Says what is known of these pools to the recorder.
#[expect(clippy::cast_precision_loss, reason = "numbers to look at")]
pub(crate) fn show(pools: &[PoolOverview]) {
    names::describe();
    names::describe_pools();
    for pool in pools {
        let show =
            |name: &'static str, value: f64| gauge!(name, "pool" => pool.name.clone()).set(value);
        show(names::LIMIT, f64::from(pool.max_parallelism));
        show(names::PAUSED, f64::from(u8::from(pool.paused)));
        show(names::BACKLOG, pool.backlog.items as f64);
        show(names::OLDEST_DUE, pool.lag_ms as f64 / 1000.0);
        show(names::PARKED, pool.parked_callbacks.items as f64);
        show(names::POOL_RUNNING, pool.running.items as f64);
        show(names::POOL_SCHEDULED, pool.scheduled.items as f64);
        show(names::POOL_WORKERS, pool.workers as f64);
        let hour = &pool.hour;
        for (outcome, ended) in [
            ("success", hour.succeeded),
            ("failed", hour.failed),
            ("canceled", hour.canceled),
            ("retrying", hour.retries),
        ] {
            let labels = [("pool", pool.name.clone()), ("outcome", outcome.to_owned())];
            gauge!(names::POOL_HOUR, &labels).set(ended as f64);
        }
    }
}
