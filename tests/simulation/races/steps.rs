//! Connections that answer out of step, as a pooler may give them out when their last client died
//! before it had read everything: what is read there is the answer to something else.

use workpool::{Error, sqlx};
use workpool_tests::{Fault, Loses};

use crate::audit::{self, Kind};
use crate::functions::{How, Task, once};
use crate::line::{BEGIN, Line};
use crate::load::enqueue_one;

async fn out_of_step(application: &'static str) -> Line {
    let line = Line::new().await;
    line.proxy.arm(Fault::new(Loses::Step, BEGIN).of(application));
    line
}

#[tokio::test]
async fn a_call_on_one_has_certainly_failed_and_the_next_does_not_meet_it() {
    let line = out_of_step("").await;
    let pool = line.far.pool("mixed");
    let limit = async || pool.set_max_parallelism(7).await;
    let told = limit().await.unwrap_err();
    assert!(matches!(told, Error::Database(sqlx::Error::BeginFailed)), "{told:?}");
    let limited = "SELECT count(*) FROM workpool.pools WHERE max_parallelism = 7";
    assert_eq!(line.world.count(limited).await, 0);
    // As often as all connections of the pool take their turn.
    for _ in 0..10 {
        limit().await.unwrap();
    }
    assert_eq!(line.world.count(limited).await, 1);
}

#[tokio::test]
async fn an_enqueue_on_one_is_sent_again_on_another() {
    let line = out_of_step("").await;
    let tasks = [Task { how: How::Takes(1), fails: 0 }; 2];
    once::enqueue_batch(&line.far, tasks).await.unwrap();
    line.struck().await;
    assert_eq!(line.world.count("SELECT count(*) FROM workpool.work").await, 2);
}

#[tokio::test]
async fn a_mutation_that_begins_on_one_is_run_once_on_another() {
    let line = out_of_step("workpool mutations").await;
    let worker = line.worker().await;
    let item = enqueue_one(line.world.workpool(), Kind::Book, How::Takes(1)).await;
    line.mended(&[item]).await;
    assert_eq!(line.attempts(&item), [1]);
    worker.shutdown().await;
    audit::nobody_is_left(&line.world).await;
}
