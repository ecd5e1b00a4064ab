//! Does it matter how much waits? Enqueues and runs a part, and leaves the rest.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::cost::{Cost, memory};
use crate::drain;
use crate::enqueue::{rate, spread};
use crate::functions;
use crate::options::Options;
use crate::place::Place;
use crate::tally::Tally;

/// Everything in the pool, whoever put it there.
const LEFT: &str = "SELECT count(*) FROM workpool.work WHERE pool = 'load'";
const KEPT: &str = "
    SELECT count(*), count(*) FILTER (WHERE outcome = 0 AND attempts = 1)
    FROM workpool.finished WHERE pool = 'load'";

/// Enqueues `n` items in batches, a twentieth of that one by one and a fifth one by one from 16
/// tasks; then has a worker run `n` of what waits.
pub(crate) async fn run(place: &mut Place, options: &Options) -> Result<Value> {
    let (workpool, n, config) = (&place.workpool, options.n, options.config);
    ensure!(config.keeps() && options.pools <= 1, "what ends is counted, in one pool");
    place.make_pools(options).await?;
    let (few, some) = (n / 20, n / 5);
    spread(workpool, config, 64, 16).await?;
    let begun = Instant::now();
    spread(workpool, config, few, 1).await?;
    let one = rate(few, begun);
    let begun = Instant::now();
    spread(workpool, config, some, 16).await?;
    let sixteen = rate(some, begun);
    let begun = Instant::now();
    for from in (0..n).step_by(usize::try_from(options.chunk.max(1))?) {
        let numbers = from..(from + options.chunk.max(1)).min(n);
        functions::enqueue_batch(workpool, config, "load", numbers).await?;
    }
    let batches = rate(n, begun);

    place.settle().await?;
    let (left, (kept, _)) = count(place).await?;
    let tally = Tally::expecting(n);
    let before = Cost::read(&mut place.observer).await?;
    let begun = Instant::now();
    let worker = drain::worker(place, options, &tally).start().await?;
    tally.all(Duration::from_secs(options.limit_s)).await?;
    let drained = rate(n, begun);
    let cost = Cost::read(&mut place.observer).await?.since(&before);
    let (_, memory) = memory();
    worker.shutdown().await;

    let (left_after, (kept_after, sound)) = count(place).await?;
    let runs = i64::try_from(tally.runs())?;
    ensure!(
        left - left_after == runs && kept_after - kept == runs && sound == kept_after,
        "{runs} ran; {left} waited before, {left_after} after; {sound} of {kept_after} are kept well, {kept} were before"
    );
    let mut numbers = json!({
        "waiting": left, "executed": runs,
        "one_per_s": one["per_s"], "sixteen_per_s": sixteen["per_s"],
        "batches_per_s": batches["per_s"], "drained_per_s": drained["per_s"],
        "memory_mib": memory,
    });
    cost.per_item(tally.runs(), &mut numbers);
    Ok(numbers)
}

async fn count(place: &mut Place) -> Result<(i64, (i64, i64))> {
    let left = sqlx::query_scalar(LEFT).fetch_one(&mut place.observer).await?;
    Ok((left, sqlx::query_as(KEPT).fetch_one(&mut place.observer).await?))
}
