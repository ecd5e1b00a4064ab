//! Loads of mixed work, drawn by a seed.

use std::time::{SystemTime, UNIX_EPOCH};

use workpool::{EnqueueContext, WorkId, Workpool};

use crate::audit::{Enqueued, Kind};
use crate::functions::{How, Task, again, book, once, told};

/// A small generator: what a seed does must not change with a dependency.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// From `WORKPOOL_SEED`, else from the time; says which.
    pub(crate) fn seeded(what: &str) -> Self {
        let given = std::env::var("WORKPOOL_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            u64::from(now.subsec_nanos()) ^ now.as_secs()
        });
        println!("{what}: WORKPOOL_SEED={seed}");
        Self(seed)
    }

    /// The same numbers each time.
    pub(crate) const fn of(seed: u64) -> Self {
        Self(seed)
    }

    /// splitmix64
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub(crate) fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.below(to - from + 1)
    }
}

/// Enqueues items of all kinds, each with a callback; one in sixteen ends in an error.
pub(crate) async fn enqueue(
    workpool: &Workpool,
    items: usize,
    ms: (u64, u64),
    random: &mut Random,
) -> Vec<Enqueued> {
    let mut enqueued = Vec::new();
    for chunk in (0..items).collect::<Vec<_>>().chunks(100) {
        let mut tx = workpool.db().begin().await.unwrap();
        let within = workpool.within(&mut tx);
        for _ in chunk {
            let how = How::Takes(random.between(ms.0, ms.1));
            let kind =
                [Kind::Once, Kind::Again, Kind::Book][usize::try_from(random.below(3)).unwrap()];
            let fails = match random.below(16) {
                0 => 3,
                // Good ones may fail at first, where there is a second attempt.
                1 | 2 if kind == Kind::Again => 1,
                _ => 0,
            };
            let id = WorkId::new();
            one(&within, kind, id, Task { how, fails }).await;
            enqueued.push(Enqueued { id: id.uuid(), kind, fails });
        }
        drop(within);
        tx.commit().await.unwrap();
    }
    enqueued
}

/// Enqueues one item with its callback, under an id of the caller's.
pub(crate) async fn one(context: &impl EnqueueContext, kind: Kind, id: WorkId<u32>, task: Task) {
    let told_of = id.to_string();
    let enqueued = match kind {
        Kind::Once => once::enqueue(context, task).id(id).on_complete::<told>(told_of).await,
        Kind::Again => again::enqueue(context, task).id(id).on_complete::<told>(told_of).await,
        Kind::Book => book::enqueue(context, task).id(id).on_complete::<told>(told_of).await,
    };
    enqueued.unwrap();
}

/// Enqueues one item that does not fail by itself.
pub(crate) async fn enqueue_one(workpool: &Workpool, kind: Kind, how: How) -> Enqueued {
    let id = WorkId::new();
    one(workpool, kind, id, Task { how, fails: 0 }).await;
    Enqueued::new(id.uuid(), kind)
}
