//! The primary is lost for good, its synchronous standby is promoted, and everybody is led there;
//! then a new standby is made of what was the primary. What was acknowledged is there.

use std::time::Duration;

use tokio::time::sleep;
use workpool::testing::{Postgres, Stop};
use workpool_tests::Random;

use super::percentiles;
use crate::Options;
use crate::books::{Books, Step};
use crate::clock::Moment;
use crate::roads::Way;
use crate::run::{self, Run, Setting};
use crate::standby;
use crate::verdict::Verdict;

const LIMITS: [u32; 8] = [20, 15, 10, 8, 6, 4, 3, 2];
const PROMOTIONS: usize = 5;
/// Milliseconds of work before the primary is lost.
const GAP: (u64, u64) = (3000, 6000);
/// Within which work goes on once commits do.
const FIRST_CLAIM: Duration = Duration::from_secs(5);
/// What was written while the copy was made has to be there still.
const SERVER: &[(&str, &str)] = &[("wal_keep_size", "1GB")];

pub(crate) async fn run(options: &Options, seed: u64) -> anyhow::Result<bool> {
    let setting = Setting {
        scenario: "failover",
        items: options.items.unwrap_or(20_000),
        ms: (20, 280),
        limits: LIMITS.to_vec(),
        // What waits for a standby is not idle, but what waits for that is.
        freezes: true,
        way: Way::Wire,
        server: SERVER,
        ..Setting::usual()
    };
    let mut run = Run::begin(options, setting, seed).await?;
    let other = run::configuration(&run.setting, options.workers);
    let mut other = Postgres::start_with(other).await?;
    standby::follow(&other, &run.server).await?;
    let feed = run.feed();
    let mut random = Random::of(seed);
    let (mut at, mut promotions, mut ready) = (Duration::ZERO, 0, Vec::new());
    while options.goes_on(promotions, PROMOTIONS, at) {
        sleep(Duration::from_millis(random.between(GAP.0, GAP.1))).await;
        let down = Duration::from_millis(random.below(2000));
        other = fail_over(&mut run, other, down, random.below(2) == 0).await?;
        ready.push(Moment::now());
        promotions += 1;
        at = run.timeline.begun().elapsed();
    }
    let bound = options.bound(FIRST_CLAIM);
    let check = |books: &Books, verdict: &mut Verdict| {
        verdict.fact("promotions", promotions);
        check_claims(&ready, bound, books, verdict);
    };
    Ok(run.end_with(feed, check).await)
}

/// One change of roles. Whoever comes early meets a standby, which is read-only. Returns the new
/// standby.
async fn fail_over(
    run: &mut Run,
    mut other: Postgres,
    down: Duration,
    early: bool,
) -> anyhow::Result<Postgres> {
    let inside = run.outside.inside_all();
    run.strikes("lose", &format!("primary, for {down:?}, early {early}"), inside);
    run.server.stop(Stop::Immediate).await?;
    std::mem::swap(&mut run.server, &mut other);
    let port = run.server.options().get_port();
    if early {
        run.roads.wires[0].lead_to(port);
    }
    sleep(down).await;
    standby::promote(&run.server).await?;
    run.roads.wires[0].lead_to(port);
    run.timeline.note("promoted", &format!("port {port}"), "");
    standby::follow(&other, &run.server).await?;
    run.timeline.note("followed", &format!("port {}", other.options().get_port()), "");
    Ok(other)
}

/// Work goes on by itself, soon after there is a primary with a standby.
fn check_claims(ready: &[Moment], bound: Duration, books: &Books, verdict: &mut Verdict) {
    let starts = books.moves.values().flatten().filter(|step| step.what == Step::Start);
    let starts: Vec<_> = starts.map(|step| step.at).collect();
    let mut times = Vec::new();
    for ready in ready {
        let Some(first) = starts.iter().filter(|at| *at >= ready).min() else {
            verdict.breaches.push("nothing was started after a promotion".into());
            continue;
        };
        let time = first.since(*ready);
        if time > bound {
            verdict.breaches.push(format!("the first claim came {time:?} after a promotion"));
        }
        times.push(time);
    }
    verdict.fact("first_claim_ms", percentiles(times));
}
