//! Futures of the API that are dropped half-way, at any point.

use std::time::Duration;

use tokio::time::timeout;
use workpool::sqlx::postgres::PgPoolOptions;
use workpool::{WorkId, Workpool};

use super::{POOL, count, database};
use crate::functions::{How, Task, once};
use crate::load::Random;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn futures_that_are_dropped_half_way_leave_no_transaction_open_and_no_half_batch() {
    const OPEN: &str = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()
            AND state LIKE 'idle in transaction%'";
    let mut random = Random::seeded("dropped");
    let db = database().await;
    // Few connections: one that is lost would be missed.
    let few = PgPoolOptions::new().max_connections(3).connect(db.url()).await.unwrap();
    let workpool = Workpool::attach(few).await.unwrap();
    let pool = workpool.pool(POOL);
    let task = Task { how: How::Takes(0), fails: 0 };
    for _ in 0..400 {
        let patience = Duration::from_micros(random.below(3000));
        let id = WorkId::<u32>::new();
        // Whether it came to its end does not matter here.
        let _ = match random.below(6) {
            0 => timeout(patience, async { drop(once::enqueue(&workpool, task).await) }).await,
            1 => {
                let batch = once::enqueue_batch(&workpool, [task; 10]);
                timeout(patience, async { drop(batch.name("batch").await) }).await
            }
            2 => timeout(patience, async { drop(workpool.cancel(id).await) }).await,
            3 => timeout(patience, async { drop(pool.cancel_all().limit(1).run().await) }).await,
            4 => timeout(patience, async { drop(pool.set_max_parallelism(3).await) }).await,
            _ => timeout(patience, async { drop(workpool.status(id).await) }).await,
        };
    }
    crate::world::eventually("no transaction is left open", async || {
        count(db.workpool(), OPEN).await == 0
    })
    .await;
    let mut all = Vec::new();
    for _ in 0..3 {
        all.push(workpool.db().acquire().await.unwrap());
    }
    let halves = "SELECT count(*) FROM (
        SELECT 1 FROM (
            SELECT id, enqueued_at FROM workpool.work WHERE name = 'batch'
            UNION ALL SELECT id, enqueued_at FROM workpool.finished WHERE name = 'batch'
        ) w GROUP BY enqueued_at HAVING count(*) % 10 <> 0
    ) h";
    assert_eq!(count(db.workpool(), halves).await, 0, "a batch is whole or not there");
}
