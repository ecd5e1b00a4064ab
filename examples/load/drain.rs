//! How fast does a worker run what waits?

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use workpool::WorkerBuilder;

use crate::cost::Cost;
use crate::fill;
use crate::options::{Config, Options};
use crate::place::Place;
use crate::tally::Tally;
use crate::verdict;

/// Something of ours that is due is still to end, or its callback to run.
const PENDING: &str = "
    SELECT EXISTS (SELECT FROM workpool.work WHERE pool = ANY ($1) AND run_at <= now() + interval '1 day')
        OR EXISTS (SELECT FROM workpool.callbacks WHERE parked_at IS NULL)";

/// With other processes at work this one cannot know how many are its own: it asks once it idles.
const IDLE: Duration = Duration::from_millis(40);

/// A worker as the options want it.
pub(crate) fn worker(place: &Place, options: &Options, tally: &Arc<Tally>) -> WorkerBuilder {
    let mut worker = place.workpool.worker().state(Arc::clone(tally));
    if let Some(callbacks) = options.callbacks {
        worker = worker.callback_parallelism(callbacks);
    }
    match options.transactions {
        Some(transactions) => worker.transactions(transactions),
        None if options.config == Config::Mutation => {
            worker.transactions(options.conc.clamp(1, 100))
        }
        None => worker,
    }
}

/// Runs all `n` items, alone or next to other processes. `exec_s` goes from the start of the worker
/// to the last run in this process, `done_s` until the database holds nothing unfinished.
pub(crate) async fn run(place: &mut Place, options: &Options) -> Result<Value> {
    let tally = Tally::expecting(options.n);
    fill::ready(place, options).await?;
    let run = verdict::begin(place).await?;
    let pools = options.pool_names();
    pending(place, &pools).await?;
    let before = Cost::read(&mut place.observer).await?;

    let start_us = tally.clock().now_us();
    let begun = Instant::now();
    let worker = worker(place, options, &tally).start().await?;
    let (mut seen, mut changed) = (0, Instant::now());
    loop {
        tally.nap(Duration::from_millis(5)).await;
        let runs = tally.runs();
        if runs != seen {
            (seen, changed) = (runs, Instant::now());
        }
        let perhaps_done = runs >= tally.expected() || changed.elapsed() > IDLE;
        if perhaps_done && !pending(place, &pools).await? {
            break;
        }
        let limit = Duration::from_secs(options.limit_s);
        ensure!(begun.elapsed() < limit, "{runs} of {} ran in {limit:?}", options.n);
    }
    let done_s = begun.elapsed().as_secs_f64();
    let cost = Cost::read(&mut place.observer).await?.since(&before);
    worker.shutdown().await;

    verdict::settle(place, run, &tally).await?;
    verdict::ended(place, options, options.n).await?;
    ensure!(
        options.config != Config::Callback || tally.calls() == tally.runs(),
        "{} callbacks for {} runs",
        tally.calls(),
        tally.runs()
    );
    let mut numbers = json!({
        "start_unix": Duration::from_micros(start_us).as_secs_f64(),
        "executed": tally.runs(),
        "exec_s": Duration::from_micros(tally.last_us().saturating_sub(start_us)).as_secs_f64(),
        "done_s": done_s,
    });
    cost.per_item(tally.runs(), &mut numbers);
    Ok(numbers)
}

async fn pending(place: &mut Place, pools: &[String]) -> Result<bool> {
    Ok(sqlx::query_scalar(PENDING).bind(pools).fetch_one(&mut place.observer).await?)
}
