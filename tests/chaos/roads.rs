//! How workers, and the side that enqueues, get to the server: directly, through a pooler, or over
//! wires that a scenario can do things to.

use workpool::Workpool;
use workpool::testing::Postgres;
use workpool_tests::pooler::{Mode, Pooler, pooled};
use workpool_tests::{Random, Wire};

use crate::run::{CONNECTIONS, OURS};

/// What is between them and the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Direct,
    /// PgBouncer, with a server for each connection that there may be: one that waited for a server
    /// would be held up for reasons that no promise is about.
    Pooler(Mode),
    /// One wire for everybody, the driver included.
    Wire,
    /// A wire for each worker.
    Wires,
}

/// Where a worker connects to.
#[derive(Debug, Clone)]
pub(crate) struct Road {
    pub(crate) url: String,
    /// Where notifications come from, in pooled mode.
    pub(crate) listen: Option<String>,
}

/// All roads of a run.
#[derive(Debug)]
pub(crate) struct Roads {
    /// Each seat has the one of its number, and where there are too few all have the last.
    workers: Vec<Road>,
    ours: String,
    pub(crate) wires: Vec<Wire>,
    /// It ends with the run, and leads the side that enqueues as well.
    pooler: Option<Pooler>,
}

impl Roads {
    pub(crate) async fn build(way: Way, server: &Postgres, seats: usize, seed: u64) -> Self {
        let direct = server.url();
        let plain = |url: &str| Road { url: url.to_owned(), listen: None };
        let mut roads = Self {
            workers: vec![plain(&direct)],
            ours: direct.clone(),
            wires: Vec::new(),
            pooler: None,
        };
        match way {
            Way::Direct => {}
            Way::Pooler(mode) => {
                let servers = u32::try_from(seats * CONNECTIONS + OURS).unwrap_or(u32::MAX);
                let pooler = Pooler::start(&server.options(), mode, servers).await;
                let listen = (mode == Mode::Transaction).then_some(direct);
                roads.workers = vec![Road { url: pooler.url("postgres"), listen }];
                roads.pooler = Some(pooler);
            }
            Way::Wire | Way::Wires => {
                let wires = if way == Way::Wire { 1 } else { seats };
                for nth in 0..wires {
                    let random = Random::of(seed ^ (0xabe0 + nth as u64));
                    roads.wires.push(Wire::to(server.options().get_port(), random).await);
                }
                let urls = roads.wires.iter().map(|wire| plain(&url(wire.port())));
                roads.workers = urls.collect();
                if way == Way::Wire {
                    roads.ours.clone_from(&roads.workers[0].url);
                }
            }
        }
        roads
    }

    /// That of the worker on a seat.
    pub(crate) fn of(&self, seat: usize) -> Road {
        self.workers[seat.min(self.workers.len() - 1)].clone()
    }

    /// That of the driver.
    pub(crate) fn ours(&self) -> &str {
        &self.ours
    }

    /// The handle that enqueues: through a pooler as well if there is one. A wire for a worker is
    /// that of the worker.
    pub(crate) async fn feeder(&self, ours: &Workpool) -> anyhow::Result<Workpool> {
        match &self.pooler {
            None => Ok(ours.clone()),
            Some(_) => connect(&self.workers[0].url, self.workers[0].listen.as_deref()).await,
        }
    }
}

/// A handle; in pooled mode when there is somewhere else to listen.
pub(crate) async fn connect(url: &str, listen: Option<&str>) -> anyhow::Result<Workpool> {
    Ok(match listen {
        None => Workpool::connect(url).await?,
        Some(direct) => pooled(direct).connect(url).await?,
    })
}

fn url(port: u16) -> String {
    format!("postgres://postgres@127.0.0.1:{port}/postgres?sslmode=disable")
}
