//! Sixteen sessions that end, cancel, recover, retry, replay, resize and prune the same items in
//! opposite orders. Whatever they wait for, nobody may wait in a circle.

mod hand;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use uuid::Uuid;
use workpool::{Error, Pool, Result, WorkId, Workpool, sqlx};

use crate::functions::{Kind, Task};
use crate::place::{self, Place};
use crate::report::{Report, Setup};

/// How long it goes on, at full size.
const TIME: Duration = Duration::from_mins(2);
const POOLS: [&str; 2] = ["lock-a", "lock-b"];
/// Ids that are still talked about.
const RECENT: usize = 300;

/// What one session does over and over.
#[derive(Debug, Clone, Copy)]
enum Part {
    Enqueue,
    Cancel,
    CancelAll,
    Steer,
    Replay,
    Prune,
    Hand,
}

/// Beside two workers.
const PARTS: [Part; 14] = [
    Part::Enqueue,
    Part::Enqueue,
    Part::Enqueue,
    Part::Cancel,
    Part::Cancel,
    Part::CancelAll,
    Part::CancelAll,
    Part::CancelAll,
    Part::Steer,
    Part::Replay,
    Part::Replay,
    Part::Prune,
    Part::Hand,
    Part::Hand,
];

/// Ids that several sessions know.
#[derive(Debug, Clone, Default)]
struct Recent(Arc<Mutex<Vec<Uuid>>>);

impl Recent {
    fn add(&self, id: Uuid) {
        let mut ids = self.0.lock().unwrap();
        ids.push(id);
        if ids.len() > RECENT {
            ids.remove(0);
        }
    }

    /// Some of them, in any order.
    fn some(&self, count: usize, numbers: &mut StdRng) -> Vec<Uuid> {
        let ids = self.0.lock().unwrap();
        let mut some: Vec<_> = ids.sample(numbers, count).copied().collect();
        some.shuffle(numbers);
        some
    }
}

pub(crate) async fn run(setup: &Setup) -> Report {
    let mut report = Report::default();
    let place = Arc::new(Place::new().await);
    place.execute(include_str!("../../simulation/audit.sql")).await;
    // It makes commits take turns, which is not what is tried here.
    place.execute("DROP TRIGGER audit_start ON workpool.work").await;
    place.execute("DROP TRIGGER audit_resize ON workpool.pools").await;
    for pool in POOLS {
        place.near.create_pool(Pool::new(pool).max_parallelism(6)).await.unwrap();
    }
    let mut workers = Vec::new();
    for _ in 0..2 {
        let worker = place::quick(&place.handle(5).await).lease(Duration::from_secs(5));
        workers.push(worker.start().await.unwrap());
    }
    let recent = Recent::default();
    let end = Instant::now() + setup.time(TIME).max(Duration::from_secs(3));
    let mut sessions = JoinSet::new();
    for (part, at) in PARTS.into_iter().zip(0..) {
        let (place, recent) = (Arc::clone(&place), recent.clone());
        let numbers = setup.numbers(at);
        sessions.spawn(async move { session(&place, part, &recent, numbers, end).await });
    }
    for (done, faults) in sessions.join_all().await {
        report.exposures += done;
        for fault in faults {
            report.breach(fault);
        }
    }
    for worker in workers {
        worker.shutdown().await;
    }
    // What a session did is added to the books within a second or so.
    sleep(Duration::from_secs(2)).await;
    let deadlocks = place
        .count("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        .await;
    report.figure("deadlocks", deadlocks);
    report.require(deadlocks == 0, || format!("{deadlocks} deadlocks"));
    report.figure("ended", place.count("SELECT count(*) FROM audit_ends").await);
    report
}

/// How much it did, and what went wrong.
async fn session(
    place: &Place,
    part: Part,
    recent: &Recent,
    mut numbers: StdRng,
    end: Instant,
) -> (u64, Vec<String>) {
    let (mut done, mut faults) = (0, Vec::new());
    let far = place.handle(2).await;
    let mut hand = hand::Hand::new(place).await;
    while Instant::now() < end && faults.len() < 5 {
        let answer = match part {
            Part::Enqueue => enqueue(&far, recent, &mut numbers).await,
            Part::Cancel => cancel(&far, recent, &mut numbers).await,
            Part::CancelAll => cancel_all(&far, &mut numbers).await,
            Part::Steer => steer(&far, &mut numbers).await,
            Part::Replay => replay(&far, &mut numbers).await,
            Part::Prune => hand.prune().await.map_err(Error::from),
            Part::Hand => hand.work(&mut numbers).await.map_err(Error::from),
        };
        match answer {
            Ok(()) => done += 1,
            Err(error) => faults.push(format!("{part:?}: {error}")),
        }
        let pause = StdRng::from_rng(&mut numbers).random_range(0..8);
        sleep(Duration::from_millis(pause)).await;
    }
    (done, faults)
}

/// Items of all pools and kinds in one transaction.
async fn enqueue(far: &Workpool, recent: &Recent, numbers: &mut StdRng) -> Result<()> {
    let mut tx = far.db().begin().await?;
    let within = far.within(&mut tx);
    let mut ids = Vec::new();
    for _ in 0..numbers.random_range(1..60) {
        let id = WorkId::new();
        let kind = *Kind::ALL.choose(numbers).unwrap();
        let task = Task { fails: numbers.random_range(0..2), ms: numbers.random_range(0..4) };
        let pool = POOLS.choose(numbers).unwrap();
        let ttl = Duration::from_millis(numbers.random_range(1..3000));
        kind.enqueue_into(&within, id, task, pool, ttl).await?;
        ids.push(id.uuid());
    }
    drop(within);
    tx.commit().await?;
    for id in ids {
        recent.add(id);
    }
    Ok(())
}

/// Some one by one, some in one transaction: those in the order of their ids, as everybody does who
/// locks several items.
async fn cancel(far: &Workpool, recent: &Recent, numbers: &mut StdRng) -> Result<()> {
    for id in recent.some(3, numbers) {
        far.cancel(WorkId::<u32>::from_uuid(id)).await?;
    }
    let mut several = recent.some(8, numbers);
    several.sort_unstable();
    let mut tx = far.db().begin().await?;
    for id in several {
        far.within(&mut tx).cancel(WorkId::<u32>::from_uuid(id)).await?;
        // As a caller who does something else between: others come to wait.
        sleep(Duration::from_millis(numbers.random_range(0..6))).await;
    }
    Ok(tx.commit().await?)
}

async fn cancel_all(far: &Workpool, numbers: &mut StdRng) -> Result<()> {
    let pool = far.pool(POOLS.choose(numbers).unwrap());
    let all = pool.cancel_all();
    let all = if numbers.random_ratio(1, 4) { all.function("again") } else { all };
    let all = if numbers.random_ratio(1, 4) { all.limit(numbers.random_range(1..50)) } else { all };
    all.run().await.map(drop)
}

async fn steer(far: &Workpool, numbers: &mut StdRng) -> Result<()> {
    let pool = far.pool(POOLS.choose(numbers).unwrap());
    match numbers.random_range(0..6) {
        // So that there is something to cancel.
        0 | 1 => {
            pool.pause().await?;
            sleep(Duration::from_millis(300)).await;
        }
        2 => {
            far.create_pool(Pool::new("lock-e")).await?;
            match far.pool("lock-e").remove().await {
                Ok(()) | Err(Error::UnknownPool(_) | Error::PoolInUse(_)) => {}
                Err(error) => return Err(error),
            }
        }
        _ => pool.set_max_parallelism(numbers.random_range(0..9)).await?,
    }
    pool.resume().await
}

/// Parks what waits to be called back, and makes it due again, in any order.
async fn replay(far: &Workpool, numbers: &mut StdRng) -> Result<()> {
    let park = "UPDATE workpool.callbacks SET parked_at = now() WHERE id = ANY (ARRAY(
            SELECT id FROM workpool.callbacks WHERE parked_at IS NULL AND worker IS NULL
            ORDER BY id LIMIT 20 FOR UPDATE SKIP LOCKED
        ))";
    sqlx::query(park).execute(far.db()).await?;
    let all = "SELECT id FROM workpool.callbacks WHERE parked_at IS NOT NULL LIMIT 100";
    let mut parked: Vec<Uuid> = sqlx::query_scalar(all).fetch_all(far.db()).await?;
    parked.shuffle(numbers);
    far.replay_callbacks(parked).await.map(drop)
}
