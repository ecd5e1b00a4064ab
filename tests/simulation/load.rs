//! Loads of mixed work, drawn by a seed.

use uuid::Uuid;
use workpool::{EnqueueContext, WorkId, Workpool};
pub(crate) use workpool_tests::Random;

use crate::audit::{Enqueued, Kind};
use crate::functions::{How, Task, again, book, once, told};

/// Enqueues items of all kinds, half of them with a callback; one in sixteen ends in an error.
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
            let id = if random.below(2) == 0 { plain_id() } else { WorkId::new() };
            one(&within, kind, id, Task { how, fails }).await;
            enqueued.push(Enqueued { id: id.uuid(), kind, fails });
        }
        drop(within);
        tx.commit().await.unwrap();
    }
    enqueued
}

/// Whether an item has a callback: all have, but those whose id says otherwise.
pub(crate) fn calls_back(id: Uuid) -> bool {
    id.as_bytes()[12..] != [0; 4]
}

/// An id of an item without a callback, whose end takes another way.
pub(crate) fn plain_id() -> WorkId<u32> {
    let mut bytes = *WorkId::<u32>::new().uuid().as_bytes();
    bytes[12..].fill(0);
    WorkId::from_uuid(Uuid::from_bytes(bytes))
}

/// Enqueues one item under an id of the caller's.
pub(crate) async fn one(context: &impl EnqueueContext, kind: Kind, id: WorkId<u32>, task: Task) {
    macro_rules! send {
        ($function:ident) => {{
            let call = $function::enqueue(context, task).id(id);
            if calls_back(id.uuid()) {
                call.on_complete::<told>(id.to_string()).await
            } else {
                call.await
            }
        }};
    }
    let enqueued = match kind {
        Kind::Once => send!(once),
        Kind::Again => send!(again),
        Kind::Book => send!(book),
    };
    enqueued.unwrap();
}

/// Enqueues one item without a callback that does not fail by itself.
pub(crate) async fn enqueue_plain(workpool: &Workpool, kind: Kind, how: How) -> Enqueued {
    let id = plain_id();
    one(workpool, kind, id, Task { how, fails: 0 }).await;
    Enqueued::new(id.uuid(), kind)
}

/// Enqueues one item with a callback that does not fail by itself.
pub(crate) async fn enqueue_one(workpool: &Workpool, kind: Kind, how: How) -> Enqueued {
    let id = WorkId::new();
    one(workpool, kind, id, Task { how, fails: 0 }).await;
    Enqueued::new(id.uuid(), kind)
}
