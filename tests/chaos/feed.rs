//! The side that enqueues: keeps a backlog, as long as faults come, and notes each answer.

use std::time::Duration;

use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use workpool::{Error, WorkId, Workpool};
use workpool_tests::Random;

use crate::clock::Moment;
use crate::functions::{Child, Order, enqueue};
use crate::items::{Canceling, Item, Kind, Origin};

/// Items in one transaction, and items one by one.
const TOGETHER: usize = 40;
const SINGLY: usize = 5;

/// What is to be enqueued.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    /// At least so many.
    pub(crate) items: usize,
    /// So many are kept waiting.
    pub(crate) backlog: i64,
    /// How long an item has to wait, in milliseconds.
    pub(crate) delay: (u64, u64),
    /// How long an attempt takes, in milliseconds.
    pub(crate) ms: (u64, u64),
    pub(crate) pools: Vec<String>,
    /// How much each pool gets: as much as it can run, so that none is idle and none is flooded.
    pub(crate) weights: Vec<u32>,
    /// It gives up then.
    pub(crate) until: Instant,
}

/// Enqueues until it is told that it is enough.
#[derive(Debug)]
pub(crate) struct Feed {
    handle: JoinHandle<Vec<Item>>,
    enough: CancellationToken,
}

impl Feed {
    pub(crate) fn start(workpool: Workpool, load: Load, random: Random) -> Self {
        let enough = CancellationToken::new();
        let feeder = Feeder { workpool, load, random, items: Vec::new(), cancels: JoinSet::new() };
        Self { handle: tokio::spawn(feeder.run(enough.clone())), enough }
    }

    /// The faults are over: the rest is enqueued. Returns all items.
    pub(crate) async fn finish(self) -> Vec<Item> {
        self.enough.cancel();
        self.handle.await.expect("the feed does not panic")
    }
}

struct Feeder {
    workpool: Workpool,
    load: Load,
    random: Random,
    items: Vec<Item>,
    cancels: JoinSet<(usize, Canceling)>,
}

/// An item before it is enqueued.
struct Draft {
    item: Item,
    order: Order,
    /// It is canceled so soon after.
    cancel_after: Option<Duration>,
}

impl Feeder {
    async fn run(mut self, enough: CancellationToken) -> Vec<Item> {
        while Instant::now() < self.load.until
            && (self.items.len() < self.load.items || !enough.is_cancelled())
        {
            match self.waiting().await {
                Ok(waiting) if waiting < self.load.backlog => self.more().await,
                Ok(_) => sleep(Duration::from_millis(50)).await,
                Err(_) => sleep(Duration::from_millis(100)).await,
            }
        }
        while let Some(canceled) = self.cancels.join_next().await {
            let (nth, canceling) = canceled.expect("a cancel does not panic");
            self.items[nth].cancel = Some(canceling);
        }
        self.items
    }

    async fn waiting(&self) -> Result<i64, sqlx::Error> {
        // In a transaction and without a name: a pooler may give each statement to another server.
        let mut tx = self.workpool.db().begin().await?;
        let count = sqlx::query_scalar("SELECT count(*) FROM workpool.work").persistent(false);
        count.fetch_one(&mut *tx).await
    }

    async fn more(&mut self) {
        if self.random.below(4) == 0 {
            for _ in 0..SINGLY {
                let draft = self.draft();
                let origin = self.singly(&draft).await;
                self.keep(draft, origin);
            }
        } else {
            let drafts: Vec<_> = (0..TOGETHER).map(|_| self.draft()).collect();
            let commits = self.random.below(32) > 0;
            let origin = self.together(&drafts, commits).await;
            for draft in drafts {
                self.keep(draft, origin);
            }
        }
    }

    fn draft(&mut self) -> Draft {
        let pool = self.any_pool();
        let kind = [Kind::Once, Kind::Again, Kind::Book, Kind::Book][self.random.index(4)];
        let fails = match self.random.below(16) {
            0 => crate::functions::ATTEMPTS,
            1 | 2 if kind == Kind::Again => 1,
            _ => 0,
        };
        let ms = self.ms();
        let child = (self.random.below(16) == 0).then(|| {
            let pool = self.any_pool();
            let (pool, ms) = (self.load.pools[pool].clone(), self.ms());
            Child { id: Uuid::now_v7(), pool, ms, delay: self.delay() }
        });
        let canceled = self.random.below(64) == 0;
        let pause = Duration::from_millis(self.random.below(500));
        let order = Order { ms, fails, child, delay: self.delay() };
        let item =
            Item { id: Uuid::now_v7(), kind, pool, fails, origin: Origin::Unknown, cancel: None };
        Draft { item, order, cancel_after: canceled.then_some(pause) }
    }

    fn any_pool(&mut self) -> usize {
        let total: u32 = self.load.weights.iter().sum();
        let mut at = self.random.below(total.into());
        for (pool, weight) in self.load.weights.iter().enumerate() {
            match at.checked_sub(u64::from(*weight)) {
                Some(rest) => at = rest,
                None => return pool,
            }
        }
        unreachable!("it is below the sum of all weights")
    }

    fn ms(&mut self) -> u64 {
        self.random.between(self.load.ms.0, self.load.ms.1)
    }

    fn delay(&mut self) -> u64 {
        if self.load.delay.1 == 0 {
            return 0;
        }
        self.random.between(self.load.delay.0, self.load.delay.1)
    }

    async fn singly(&self, draft: &Draft) -> Origin {
        let item = &draft.item;
        let pool = &self.load.pools[item.pool];
        match enqueue(&self.workpool, item.kind, item.id, pool, draft.order.clone()).await {
            Ok(()) => Origin::Stored,
            Err(Error::Database(_) | Error::Unconfirmed { .. }) => Origin::Unknown,
            Err(_) => Origin::Refused,
        }
    }

    /// All in one transaction, which may be rolled back on purpose.
    async fn together(&self, drafts: &[Draft], commits: bool) -> Origin {
        let Ok(mut tx) = self.workpool.db().begin().await else { return Origin::RolledBack };
        let within = self.workpool.within(&mut tx);
        for Draft { item, order, .. } in drafts {
            let pool = &self.load.pools[item.pool];
            match enqueue(&within, item.kind, item.id, pool, order.clone()).await {
                Ok(()) => {}
                Err(Error::Database(_)) => return Origin::RolledBack,
                Err(_) => return Origin::Refused,
            }
        }
        drop(within);
        if !commits {
            // What is dropped instead is rolled back as well.
            let _ = tx.rollback().await;
            return Origin::RolledBack;
        }
        if tx.commit().await.is_ok() { Origin::Stored } else { Origin::Unknown }
    }

    fn keep(&mut self, draft: Draft, origin: Origin) {
        let Draft { item, order, cancel_after } = draft;
        if let Some(pause) = cancel_after.filter(|_| origin == Origin::Stored) {
            let (workpool, nth) = (self.workpool.clone(), self.items.len());
            let id = WorkId::<u32>::from_uuid(item.id);
            self.cancels.spawn(async move {
                sleep(pause).await;
                let answer = workpool.cancel(id).await.ok();
                (nth, Canceling { answer, at: Moment::now() })
            });
        }
        let (parent, of) = (item.id, item.kind);
        self.items.push(Item { origin, ..item });
        if let Some(child) = order.child {
            let pool = self.load.pools.iter().position(|pool| *pool == child.pool);
            self.items.push(Item {
                id: child.id,
                kind: Kind::Once,
                pool: pool.expect("it was drawn from them"),
                fails: 0,
                origin: Origin::Child { parent, of },
                cancel: None,
            });
        }
    }
}
