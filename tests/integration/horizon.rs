//! A snapshot that somebody holds: what has ended cannot be cleaned up, and claims begin behind it.

use std::time::Duration;

use sqlx::{Connection, Executor, PgConnection};
use workpool_tests::Stage;

use crate::functions::echo;

/// So many that to walk over them takes longer than a claim may.
const ENDED: &str = "
    INSERT INTO workpool.work (id, pool, function, kind, run_at, args)
    SELECT gen_random_uuid(), 'echo', 'echo', 0, now() - interval '1 hour', 'null' FROM generate_series(1, 200000);
    DELETE FROM workpool.work";

#[tokio::test]
async fn what_comes_late_is_found_among_much_that_has_ended() {
    let stage = Stage::new().await;
    let mut holder = PgConnection::connect(stage.url()).await.unwrap();
    let hold = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM workpool.work";
    holder.execute(hold).await.unwrap();
    stage.execute(ENDED).await;
    let _worker = stage.start().await;
    let hour = Duration::from_hours(1);
    echo::enqueue(stage.workpool(), "late".into()).run_after(hour).await.unwrap();
    // Its claim has to walk over all of them: the next begin a little before now.
    echo::enqueue(stage.workpool(), "usual".into()).await.unwrap();
    stage.witness.until("usual", 1).await;
    // As if a transaction that was open for a minute had committed.
    let late = "UPDATE workpool.work SET run_at = now() - interval '1 minute'";
    stage.execute(late).await;
    stage.witness.until("late", 1).await;
}
