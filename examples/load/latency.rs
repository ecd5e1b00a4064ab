//! How long from an enqueue to the start of the function, when a worker has nothing to do?

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::drain;
use crate::fill;
use crate::functions;
use crate::options::{Command, Options};
use crate::place::Place;
use crate::remote::Remote;
use crate::tally::{Clock, Tally};
use crate::verdict;

/// Until a worker that has found nothing has gone to sleep.
pub(crate) const SETTLE: Duration = Duration::from_millis(1500);

/// Enqueues one item every now and then, and compares when each call began with when it ran: in
/// this process, or in another one, whose clock is that of the same machine.
pub(crate) async fn run(place: &mut Place, options: &Options) -> Result<Value> {
    fill::clear(place).await?;
    place.make_pools(options).await?;
    let limit = Duration::from_secs(options.limit_s);
    let (times, started) = if options.remote {
        let remote = Remote::start(&place.url, "serve", &arguments(options)).await?;
        let times = enqueue(place, options, Clock::start()).await?;
        (times, remote.finish().await?)
    } else {
        let tally = Tally::expecting(options.n);
        let worker = drain::worker(place, options, &tally).start().await?;
        sleep(SETTLE).await;
        let times = enqueue(place, options, tally.clock()).await?;
        tally.all(limit).await?;
        worker.shutdown().await;
        ensure!(tally.again() == 0, "{} items ran again", tally.again());
        (times, tally.started_us())
    };
    ensure!(started.len() == times.len(), "{} of {} ran", started.len(), times.len());
    verdict::ended(place, options, options.n).await?;

    let lags = started.iter().zip(&times).map(|(at, (from, _))| at.saturating_sub(*from));
    let lags = sorted(lags.collect());
    let calls = sorted(times.iter().map(|(from, to)| to - from).collect());
    Ok(json!({
        "n": options.n,
        "p50_ms": quantile(&lags, 50), "p95_ms": quantile(&lags, 95),
        "p99_ms": quantile(&lags, 99), "max_ms": quantile(&lags, 100),
        "enqueue_p50_ms": quantile(&calls, 50),
    }))
}

/// What the other process is to know.
fn arguments(options: &Options) -> Vec<String> {
    let config = options.config.as_str().to_owned();
    let (n, conc) = (options.n.to_string(), options.conc.to_string());
    debug_assert_eq!(options.command, Command::Latency);
    vec!["--n".into(), n, "--conc".into(), conc, "--config".into(), config]
}

/// When each call began and ended.
async fn enqueue(place: &Place, options: &Options, clock: Clock) -> Result<Vec<(u64, u64)>> {
    let mut tick = interval(Duration::from_millis(options.every_ms.max(1)));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut times = Vec::new();
    for n in 0..options.n {
        tick.tick().await;
        let from = clock.now_us();
        functions::enqueue(&place.workpool, options.config, n).await?;
        times.push((from, clock.now_us()));
    }
    Ok(times)
}

fn sorted(mut values: Vec<u64>) -> Vec<u64> {
    values.sort_unstable();
    values
}

/// In milliseconds.
fn quantile(sorted: &[u64], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1) - 1;
    sorted.get(rank).map_or(0.0, |us| Duration::from_micros(*us).as_secs_f64() * 1000.0)
}
