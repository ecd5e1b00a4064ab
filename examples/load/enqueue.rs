//! How fast can be enqueued?

use std::time::Instant;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use workpool::Workpool;

use crate::cost::Cost;
use crate::fill;
use crate::functions;
use crate::options::{Config, Options};
use crate::place::Place;
use crate::remote::Remote;
use crate::verdict;

pub(crate) fn rate(n: i64, begun: Instant) -> Value {
    let secs = begun.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a rate need not be exact")]
    let per_s = n as f64 / secs;
    json!({ "n": n, "secs": secs, "per_s": per_s })
}

/// Each item by a call and a transaction of its own, from some tasks at once.
pub(crate) async fn one_by_one(place: &mut Place, options: &Options) -> Result<Value> {
    fill::clear(place).await?;
    let occupied =
        if options.busy { Some(Remote::start(&place.url, "occupy", &[]).await?) } else { None };
    // Opens the connections first, so that they are no part of what is measured.
    let first = i64::from(options.tasks) * 4;
    spread(&place.workpool, options.config, first, options.tasks).await?;
    let before = Cost::read(&mut place.observer).await?;
    let begun = Instant::now();
    spread(&place.workpool, options.config, options.n, options.tasks).await?;
    let mut rate = rate(options.n, begun);
    let cost = Cost::read(&mut place.observer).await?.since(&before);
    cost.per_item(options.n.unsigned_abs(), &mut rate);
    verdict::waits(place, options, options.n + first).await?;
    if let Some(occupied) = occupied {
        occupied.finish().await?;
    }
    Ok(rate)
}

/// Enqueues the numbers up to `n`, each task its share.
pub(crate) async fn spread(workpool: &Workpool, config: Config, n: i64, tasks: u32) -> Result<()> {
    let step = usize::try_from(tasks.max(1))?;
    let tasks: Vec<_> = (0..i64::from(tasks.max(1)))
        .map(|task| {
            let workpool = workpool.clone();
            tokio::spawn(async move {
                for number in (task..n).step_by(step) {
                    functions::enqueue(&workpool, config, number).await?;
                }
                anyhow::Ok(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    Ok(())
}

/// All items by `enqueue_batch`, so many a call.
pub(crate) async fn in_batches(place: &mut Place, options: &Options) -> Result<Value> {
    ensure!(options.chunk > 0, "a chunk has at least one item");
    fill::clear(place).await?;
    let (workpool, config, chunk) = (&place.workpool, options.config, options.chunk);
    functions::enqueue_batch(workpool, config, "load", 0..1).await?;
    let before = Cost::read(&mut place.observer).await?;
    let begun = Instant::now();
    for from in (0..options.n).step_by(usize::try_from(chunk)?) {
        let numbers = from..(from + chunk).min(options.n);
        functions::enqueue_batch(workpool, config, "load", numbers).await?;
    }
    let mut rate = rate(options.n, begun);
    let cost = Cost::read(&mut place.observer).await?.since(&before);
    cost.per_item(options.n.unsigned_abs(), &mut rate);
    verdict::waits(place, options, options.n + 1).await?;
    Ok(rate)
}
