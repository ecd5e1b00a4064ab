//! One run: a server of its own with durability on, a witness, workers, a load; and its end, where
//! everything has to be in order.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use sqlx::Executor;
use tokio::time::{Instant, sleep, sleep_until};
use workpool::testing::{Postgres, PostgresOptions};
use workpool::{LogLevel, Pool, Workpool};
use workpool_tests::Random;

use crate::Options;
use crate::books::Books;
use crate::feed::{Feed, Load};
use crate::fleet::{Fleet, Launch};
use crate::lies::Clocks;
use crate::monitor::{Allowed, Monitor};
use crate::outside::Outside;
use crate::roads::{Roads, Way};
use crate::timeline::Timeline;
use crate::verdict::Verdict;

/// What one worker may open: its loops, its bodies, its callbacks, and the pool of its handle.
pub(crate) const CONNECTIONS: usize = 8 + 26 + 5 + 10 + 1;
/// The driver's own.
pub(crate) const OURS: usize = 16;
/// No run takes longer, whatever was asked for.
const LONGEST: Duration = Duration::from_hours(3);

/// What a scenario asks for.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "a scenario may want any of them")]
pub(crate) struct Setting {
    pub(crate) scenario: &'static str,
    pub(crate) items: usize,
    /// How long attempts take, in milliseconds.
    pub(crate) ms: (u64, u64),
    pub(crate) limits: Vec<u32>,
    /// Whether the limits stay as they are.
    pub(crate) steady: bool,
    /// Whether workers are frozen, with their sessions.
    pub(crate) freezes: bool,
    /// Whether each attempt that is counted was entered, because nobody dies.
    pub(crate) exact: bool,
    pub(crate) grace: Duration,
    /// So many items are kept waiting.
    pub(crate) backlog: i64,
    /// So long they have to wait, in milliseconds.
    pub(crate) delay: (u64, u64),
    pub(crate) way: Way,
    /// More lines of the configuration of the server.
    pub(crate) server: &'static [(&'static str, &'static str)],
    /// Whether workers have clocks of their own.
    pub(crate) clocks: bool,
}

impl Setting {
    /// What most scenarios do not say.
    pub(crate) fn usual() -> Self {
        Self {
            scenario: "",
            items: 0,
            ms: (0, 0),
            limits: Vec::new(),
            steady: true,
            freezes: false,
            exact: false,
            grace: Duration::from_secs(10),
            backlog: 1500,
            delay: (0, 0),
            way: Way::Direct,
            server: &[],
            clocks: false,
        }
    }

    /// The same, but for what was asked for.
    fn with(self, options: &Options) -> Self {
        let limits = if options.limits.is_empty() { self.limits } else { options.limits.clone() };
        let ms = options.takes.map_or(self.ms, |most| (0, most));
        Self { limits, ms, backlog: options.backlog.unwrap_or(self.backlog), ..self }
    }
}

/// A run in progress.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) options: Options,
    pub(crate) setting: Setting,
    pub(crate) timeline: Timeline,
    pub(crate) server: Postgres,
    pub(crate) workpool: Workpool,
    pub(crate) roads: Roads,
    pub(crate) outside: Outside,
    pub(crate) fleet: Fleet,
    pub(crate) verdict: Verdict,
    pub(crate) pools: Vec<String>,
    /// The side that enqueues, on the same way as workers.
    feeder: Workpool,
    monitor: Monitor,
    seed: u64,
    exposures: usize,
}

impl Run {
    /// Sets everything up; the workers are ready, and nothing is enqueued.
    pub(crate) async fn begin(
        options: &Options,
        setting: Setting,
        seed: u64,
    ) -> anyhow::Result<Self> {
        let setting = setting.with(options);
        let name = format!("workpool-chaos-{}-{seed}", setting.scenario);
        let folder: PathBuf =
            options.folder.clone().unwrap_or_else(|| std::env::temp_dir().join(name));
        std::fs::create_dir_all(&folder).context("the folder of the run")?;
        let timeline = Timeline::begin(&folder)?;
        timeline.note("begin", setting.scenario, &format!("--seed {seed} in {}", folder.display()));
        let seats = options.workers;
        let server = Postgres::start_with(configuration(&setting, seats)).await?;
        let roads = Roads::build(setting.way, &server, seats, seed).await;
        let workpool = Workpool::connect(roads.ours()).await?;
        workpool.db().execute(include_str!("../simulation/audit.sql")).await?;
        let pools = make_pools(&workpool, &setting.limits).await?;
        let feeder = roads.feeder(&workpool).await?;
        let outside = Outside::open(&folder.join("witness"))?;
        let launch = Launch {
            roads: (0..seats).map(|seat| roads.of(seat)).collect(),
            clocks: setting.clocks.then(|| Clocks::new(&folder)).transpose()?,
            witness: outside.path().to_owned(),
            lease: options.lease(),
            grace: setting.grace,
            folder: folder.clone(),
            refuses: matches!(setting.way, Way::Pooler(_)),
        };
        let mut fleet = Fleet::new(launch, seats);
        fleet.start_all().await;
        let idle = (!setting.freezes).then(|| options.bound(Duration::from_secs(1)));
        let connections = i64::try_from(seats * CONNECTIONS + OURS)?;
        let allowed = Allowed { connections, idle };
        let monitor = Monitor::start(roads.ours().parse()?, allowed, timeline.clone());
        let verdict = Verdict::new(folder);
        Ok(Self {
            options: options.clone(),
            setting,
            timeline,
            server,
            workpool,
            feeder,
            roads,
            outside,
            fleet,
            verdict,
            pools,
            monitor,
            seed,
            exposures: 0,
        })
    }

    /// Begins to enqueue.
    pub(crate) fn feed(&self) -> Feed {
        let load = Load {
            items: self.setting.items,
            backlog: self.setting.backlog,
            delay: self.setting.delay,
            ms: self.setting.ms,
            pools: self.pools.clone(),
            weights: self.setting.limits.clone(),
            until: Instant::now() + LONGEST,
        };
        // Another stream of numbers than that of the faults.
        Feed::start(self.feeder.clone(), load, Random::of(self.seed ^ 0xfeed))
    }

    /// Waits until so long after the beginning. The schedule is all that this is for.
    pub(crate) async fn until(&self, at: Duration) {
        sleep_until((self.timeline.begun() + at).into()).await;
    }

    /// A fault is about to hit so many attempts.
    pub(crate) fn strikes(&mut self, what: &str, target: &str, attempts: usize) {
        self.exposures += attempts;
        self.timeline.note(what, target, &format!("{attempts} attempts"));
    }

    /// The faults are over: everything has to come to rest, and to be in order. Whether it is.
    pub(crate) async fn end(self, feed: Feed) -> bool {
        self.end_with(feed, |_, _| {}).await
    }

    /// As `end`, and the scenario has something to check.
    pub(crate) async fn end_with(
        mut self,
        feed: Feed,
        check: impl FnOnce(&Books, &mut Verdict),
    ) -> bool {
        self.timeline.note("over", "faults", "");
        let items = feed.finish().await;
        self.timeline.note("over", "enqueues", &format!("{} items", items.len()));
        self.rest().await;
        let seen = self.monitor.stop().await;
        let extra = self.options.bound(Duration::from_secs(5));
        self.fleet.stop_all(extra).await;
        self.verdict.breaches.extend(self.fleet.breaches().iter().cloned());
        self.verdict.take_seen(seen);
        self.verdict.expose(self.exposures);
        let judged = self.verdict.judge(
            &self.workpool,
            &items,
            &self.outside,
            self.fleet.deaths(),
            &self.setting,
            &self.options,
        );
        match judged.await {
            Ok(books) => check(&books, &mut self.verdict),
            Err(error) => {
                self.verdict.breaches.push(format!("the books cannot be read: {error}"));
            }
        }
        self.verdict.fact("scenario", self.setting.scenario);
        self.verdict.fact("seed", self.seed);
        self.verdict.fact("starts_refused", self.fleet.refused());
        self.verdict.fact("seconds", self.timeline.begun().elapsed().as_secs());
        self.verdict.close(&self.server, &self.workpool, &self.outside, &items).await
    }

    /// Waits until no work and no callback is left.
    async fn rest(&mut self) {
        const LEFT: &str = "SELECT (SELECT count(*) FROM workpool.work)
            + (SELECT count(*) FROM workpool.callbacks)";
        let (begun, limit) = (Instant::now(), self.options.bound(Duration::from_mins(1)));
        while begun.elapsed() < limit {
            let left = sqlx::query_scalar::<_, i64>(LEFT).fetch_one(self.workpool.db()).await;
            if left.is_ok_and(|left| left == 0) {
                self.timeline.note("over", "work", "");
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
        self.verdict.breaches.push(format!("work is left {limit:?} after the last enqueue"));
    }
}

/// How its servers are set up.
pub(crate) fn configuration(setting: &Setting, seats: usize) -> PostgresOptions {
    let mut options = PostgresOptions::new()
        .durable(true)
        .tcp(matches!(setting.way, Way::Wire | Way::Wires))
        .setting("max_connections", (2 * seats * CONNECTIONS + OURS).to_string())
        .setting("deadlock_timeout", "200ms")
        .setting("autovacuum_naptime", "5s");
    for (name, value) in setting.server {
        options = options.setting(*name, *value);
    }
    options
}

async fn make_pools(workpool: &Workpool, limits: &[u32]) -> workpool::Result<Vec<String>> {
    let mut pools = Vec::new();
    for (nth, limit) in limits.iter().enumerate() {
        let name = format!("pool-{nth}");
        workpool.create_pool(Pool::new(&name).max_parallelism(*limit)).await?;
        // Each start and end would be a line.
        workpool.pool(&name).set_log_level(LogLevel::Warn).await?;
        pools.push(name);
    }
    Ok(pools)
}
