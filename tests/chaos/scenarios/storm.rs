//! Workers are killed, one after another, while they run at their limits.

use std::time::Duration;

use workpool_tests::Random;

use crate::Options;
use crate::feed::Feed;
use crate::run::{Run, Setting};

/// More than the workers run at once: what a dead one held is out of reach until it is recovered.
const LIMITS: [u32; 8] = [30, 20, 15, 12, 10, 8, 3, 2];
/// Milliseconds between kills.
const GAP: (u64, u64) = (550, 1150);

/// One kill.
#[derive(Debug)]
struct Kill {
    at: Duration,
    seat: usize,
}

pub(crate) async fn run(options: &Options, seed: u64) -> anyhow::Result<bool> {
    let setting = Setting { items: options.items.unwrap_or(60_000), ..setting("storm") };
    let mut run = Run::begin(options, setting, seed).await?;
    let feed = kill(&mut run, 200, seed).await;
    Ok(run.end(feed).await)
}

/// What a storm asks for, whatever the way to the server.
pub(crate) fn setting(scenario: &'static str) -> Setting {
    Setting { scenario, ms: (20, 280), limits: LIMITS.to_vec(), ..Setting::usual() }
}

/// Begins to enqueue, and kills so many workers if nothing else was asked for.
pub(crate) async fn kill(run: &mut Run, usual: usize, seed: u64) -> Feed {
    let begun = run.timeline.begun().elapsed() + Duration::from_secs(1);
    let feed = run.feed();
    for Kill { at, seat } in plan(&run.options, usual, seed) {
        run.until(begun + at).await;
        let pid = run.fleet.pid(seat);
        run.strikes("kill", &format!("worker-{seat}"), run.outside.inside(pid));
        run.fleet.kill(seat).await;
        run.fleet.start(seat);
    }
    feed
}

fn plan(options: &Options, usual: usize, seed: u64) -> Vec<Kill> {
    let mut random = Random::of(seed);
    let mut at = Duration::ZERO;
    let mut kills = Vec::new();
    while options.goes_on(kills.len(), usual, at) {
        at += Duration::from_millis(random.between(GAP.0, GAP.1));
        kills.push(Kill { at, seat: random.index(options.workers) });
    }
    kills
}
