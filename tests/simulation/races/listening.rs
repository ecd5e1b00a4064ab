//! A listener that cannot begin to listen: it tries again, and leaves nothing behind.

use std::time::Duration;

use workpool_tests::{Fault, Loses};

use crate::audit::Kind;
use crate::functions::How;
use crate::line::Line;
use crate::load::enqueue_one;
use crate::world::within;

/// A worker that finds nothing in time by polling.
const TOO_LATE: Duration = Duration::from_mins(5);

const STUCK: &str = "CREATE TABLE stuck AS SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'workpool listener'";
const OTHERS: &str = "SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'workpool listener'
        AND query LIKE 'LISTEN%' AND state = 'idle' AND pid NOT IN (SELECT pid FROM stuck)";

#[tokio::test]
async fn a_listener_whose_first_statement_is_never_answered_begins_anew() {
    let line = Line::new().await;
    line.proxy.arm(Fault::new(Loses::Time, r#"LISTEN "workpool_workpool""#));
    let worker = line.far.worker().state(line.world.witness()).lease(Duration::from_mins(1));
    let worker = worker.poll_interval(TOO_LATE).start().await.unwrap();
    line.struck().await;
    let db = line.world.workpool().db();
    sqlx::query(STUCK).execute(db).await.unwrap();
    within(Duration::from_secs(15), "it listens on another connection", async || {
        line.world.count(OTHERS).await == 1
    })
    .await;
    let item = enqueue_one(line.world.workpool(), Kind::Once, How::Takes(1)).await;
    line.world.entered(item.id, 1).await;
    line.world.quiet(Duration::from_secs(5)).await;
    worker.shutdown().await;
}
