//! Races in a forced order: what one side does waits for a lock that the other side holds, and goes
//! on when the test says so. No order here depends on time.

mod answers;
mod beside;
mod cancels;
mod dropped;
mod ends;
mod fences;
mod listening;
mod loans;
mod locked;
mod marks;
mod recoveries;
mod resent;
mod silence;
mod slots;
mod steps;
mod taking;

use workpool::testing::TestDatabase;
use workpool::{WorkId, Workpool};

use crate::audit::Kind;
use crate::functions::{How, Task};
use crate::hand::Backend;
use crate::load::one;

/// The pool of all functions, and the functions.
const POOL: &str = "mixed";
const ALL: [&str; 3] = ["once", "again", "book"];

async fn database() -> TestDatabase {
    TestDatabase::create().await.unwrap_or_else(|error| panic!("{error}"))
}

/// An item with a callback; nothing runs it but the test.
async fn enqueued(workpool: &Workpool, kind: Kind) -> WorkId<u32> {
    let id = WorkId::new();
    one(workpool, kind, id, Task { how: How::Takes(0), fails: 0 }).await;
    id
}

/// Does something that is bound to wait on this backend, and something else once it waits.
async fn in_order<T>(
    backend: Backend,
    waiting: impl Future<Output = T>,
    then: impl Future<Output = ()>,
) -> T {
    let gate = async {
        backend.waits().await;
        then.await;
    };
    tokio::join!(waiting, gate).0
}

async fn count(workpool: &Workpool, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(workpool.db()).await.unwrap()
}

/// How an item ended, and how often its callback was recorded with that outcome.
async fn ends(workpool: &Workpool, id: WorkId<u32>) -> (Option<i16>, Vec<i16>) {
    let outcome = sqlx::query_scalar("SELECT outcome FROM workpool.finished WHERE id = $1")
        .bind(id.uuid())
        .fetch_optional(workpool.db())
        .await
        .unwrap();
    let callbacks = sqlx::query_scalar("SELECT outcome FROM workpool.callbacks WHERE id = $1")
        .bind(id.uuid())
        .fetch_all(workpool.db())
        .await
        .unwrap();
    (outcome, callbacks)
}
