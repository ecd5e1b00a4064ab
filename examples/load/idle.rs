//! What does a worker cost that has nothing to do?

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::cost::{Cost, memory};
use crate::drain;
use crate::fill;
use crate::options::Options;
use crate::place::Place;
use crate::tally::Tally;

/// Until everything that a start brings along is over; an idle session reports what it did within ten
/// seconds.
const SETTLE: Duration = Duration::from_secs(12);

/// Looks at a worker that serves `pools` empty pools.
pub(crate) async fn run(place: &mut Place, options: &Options) -> Result<Value> {
    fill::clear(place).await?;
    place.make_pools(options).await?;
    place.settle().await?;
    let tally = Tally::expecting(0);
    let worker = drain::worker(place, options, &tally).start().await?;
    sleep(SETTLE).await;
    let since = tally.clock().now_us();
    let before = Cost::read(&mut place.observer).await?;
    sleep(Duration::from_secs(options.secs)).await;
    let cost = Cost::read(&mut place.observer).await?.since(&before);
    let (memory, _) = memory();
    worker.shutdown().await;
    #[expect(clippy::cast_precision_loss, reason = "a rate need not be exact")]
    let per_s = |count: u64| count as f64 / options.secs.max(1) as f64;
    let percent = |us: Option<u64>| us.map(|us| per_s(us) / 10_000.0);
    Ok(json!({
        "pools": options.pools,
        "since_unix": Duration::from_micros(since).as_secs_f64(),
        // One of them was ours.
        "transactions_per_s": per_s(cost.transactions.saturating_sub(1)),
        "process_percent": percent(cost.process_us),
        "postgres_percent": percent(cost.postgres_us),
        "wal_bytes_per_s": per_s(cost.wal_bytes),
        "memory_mib": memory,
    }))
}
