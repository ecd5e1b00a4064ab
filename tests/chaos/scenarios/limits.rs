//! Limits go up and down, and pools are paused and resumed, while many workers claim.

use std::time::Duration;

use workpool_tests::Random;

use crate::Options;
use crate::books::{Books, Step};
use crate::run::{Run, Setting};
use crate::verdict::Verdict;

const POOLS: usize = 8;
const GAP: Duration = Duration::from_millis(200);
const HIGHEST: u64 = 50;
/// Where each pool begins and ends.
const USUAL: u32 = 10;

#[derive(Debug, Clone, Copy)]
enum Change {
    Limit(u32),
    Pause,
    Resume,
}

pub(crate) async fn run(options: &Options, seed: u64) -> anyhow::Result<bool> {
    let setting = Setting {
        scenario: "limits",
        items: options.items.unwrap_or(20_000),
        ms: (5, 150),
        limits: vec![USUAL; POOLS],
        steady: false,
        exact: true,
        ..Setting::usual()
    };
    let run = Run::begin(options, setting, seed).await?;
    let begun = run.timeline.begun().elapsed() + Duration::from_secs(1);
    let feed = run.feed();
    for (nth, (pool, change)) in plan(options, seed).into_iter().enumerate() {
        run.until(begun + GAP * u32::try_from(nth)?).await;
        run.timeline.note("change", &run.pools[pool], &format!("{change:?}"));
        apply(&run, pool, change).await?;
    }
    for pool in 0..POOLS {
        apply(&run, pool, Change::Resume).await?;
        apply(&run, pool, Change::Limit(USUAL)).await?;
    }
    let check = |books: &Books, verdict: &mut Verdict| {
        // Each start could have been one too many.
        let starts = books.moves.values().flatten().filter(|step| step.what == Step::Start);
        verdict.expose(starts.count());
        books.check_counters(verdict);
    };
    Ok(run.end_with(feed, check).await)
}

fn plan(options: &Options, seed: u64) -> Vec<(usize, Change)> {
    let mut random = Random::of(seed);
    let mut changes = Vec::new();
    while options.goes_on(changes.len(), 1000, GAP * u32::try_from(changes.len()).unwrap_or(0)) {
        let limit = u32::try_from(random.between(0, HIGHEST)).unwrap_or(0);
        let change = match random.below(8) {
            0 => Change::Pause,
            1 | 2 => Change::Resume,
            _ => Change::Limit(limit),
        };
        changes.push((random.index(POOLS), change));
    }
    changes
}

async fn apply(run: &Run, pool: usize, change: Change) -> workpool::Result<()> {
    let pool = run.workpool.pool(&run.pools[pool]);
    match change {
        Change::Limit(limit) => pool.set_max_parallelism(limit).await,
        Change::Pause => pool.pause().await,
        Change::Resume => pool.resume().await,
    }
}
