//! Section 4: how many run at once, at every moment, over all processes together.

use std::time::{Duration, Instant};

use workpool::{ActionCtx, Pool, RetryPolicy, Workpool, action};
use workpool_tests::{Gates, Stage, Witness, eventually};

use crate::functions::{SOON, TOO_LATE, echo, end_of, ended, flaky, gated, let_workers_look};

workpool::pool!(
    /// Two at a time.
    NARROW = Pool::new("narrow").max_parallelism(2)
);
workpool::pool!(
    /// Three at a time, and many of them.
    BUSY = Pool::new("busy").max_parallelism(3)
);

#[action(pool = NARROW)]
async fn narrow(ctx: &ActionCtx) -> workpool::Result<()> {
    let _inside = ctx.state::<Witness>().enter("narrow");
    ctx.state::<Gates>().pass("narrow").await;
    Ok(())
}

/// Is there for a moment, so that others come in meanwhile if they can.
#[action(pool = BUSY)]
async fn busy(ctx: &ActionCtx, number: u32) -> workpool::Result<u32> {
    let _inside = ctx.state::<Witness>().enter("busy");
    for _ in 0..number % 7 {
        tokio::task::yield_now().await;
    }
    Ok(number)
}

async fn enqueue_narrow(stage: &Stage, items: usize) {
    narrow::enqueue_batch(stage.workpool(), vec![(); items]).await.unwrap();
}

async fn all_have_ended(stage: &Stage) {
    eventually("all work has ended", async || stage.unfinished().await == 0).await;
}

#[tokio::test]
async fn no_more_than_max_parallelism_run_at_once() {
    let stage = Stage::new().await;
    let _worker = stage.start().await;
    enqueue_narrow(&stage, 7).await;
    stage.gates.arrived("narrow", 2).await;
    let_workers_look(&stage).await;
    assert_eq!(stage.gates.arrivals("narrow"), 2);
    stage.gates.open("narrow");
    all_have_ended(&stage).await;
    assert_eq!(stage.witness.most_at_once("narrow"), 2);
}

#[tokio::test]
async fn the_end_of_one_item_makes_room_for_one() {
    let stage = Stage::new().await;
    let _worker = stage.start().await;
    // Their ends are written with the claims into their slots.
    enqueue_narrow(&stage, 6).await;
    one_makes_room_for_one(&stage).await;
}

#[tokio::test]
async fn the_end_of_one_item_that_calls_back_makes_room_for_one() {
    let stage = Stage::new().await;
    let _worker = stage.start().await;
    // Their ends are written apart.
    let items = narrow::enqueue_batch(stage.workpool(), vec![(); 6]);
    items.on_complete::<ended>("narrow".into()).await.unwrap();
    one_makes_room_for_one(&stage).await;
}

/// Of six items that wait at a gate, two at a time.
async fn one_makes_room_for_one(stage: &Stage) {
    for ended in 0..3 {
        stage.gates.arrived("narrow", 2 + ended).await;
        let_workers_look(stage).await;
        assert_eq!(stage.gates.arrivals("narrow"), 2 + ended, "after {ended} have ended");
        stage.gates.admit("narrow", 1);
    }
    stage.gates.open("narrow");
    all_have_ended(stage).await;
    assert_eq!(stage.witness.most_at_once("narrow"), 2);
}

#[tokio::test]
async fn a_pool_that_declares_no_limit_has_ten() {
    let stage = Stage::new().await;
    let _worker = stage.start().await;
    assert_eq!(stage.workpool().stats("gated").await.unwrap().max_parallelism, 10);
    gated::enqueue_batch(stage.workpool(), vec!["gate".into(); 15]).await.unwrap();
    stage.gates.arrived("gate", 10).await;
    let_workers_look(&stage).await;
    assert_eq!(stage.gates.arrivals("gate"), 10);
    stage.gates.open("gate");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_together_keep_to_one_limit() {
    let stage = Stage::new().await;
    let other = stage.another_process().await;
    let _workers = (stage.start().await, stage.worker_of(&other).start().await.unwrap());
    for round in 0..5 {
        let enqueue = |workpool: Workpool| async move {
            busy::enqueue_batch(&workpool, (0..40).map(|n| n + round)).await.unwrap();
        };
        let both =
            [tokio::spawn(enqueue(other.clone())), tokio::spawn(enqueue(stage.workpool().clone()))];
        for enqueued in both {
            enqueued.await.unwrap();
        }
    }
    all_have_ended(&stage).await;
    assert!(stage.witness.most_at_once("busy") <= 3, "{}", stage.witness.most_at_once("busy"));
    let done: i64 = stage.value("SELECT count(*) FROM workpool.finished WHERE outcome = 0").await;
    assert_eq!(done, 400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_limit_holds_while_it_is_changed_all_the_time() {
    let stage = Stage::new().await;
    let other = stage.another_process().await;
    let _workers = (stage.start().await, stage.worker_of(&other).start().await.unwrap());
    busy::enqueue_batch(&other, 0..300).await.unwrap();
    let pool = stage.workpool().pool("busy");
    for limit in [1, 3, 2, 0, 3, 1, 2, 3] {
        pool.set_max_parallelism(limit).await.unwrap();
    }
    all_have_ended(&stage).await;
    assert!(stage.witness.most_at_once("busy") <= 3);
}

#[tokio::test]
async fn two_processes_both_get_to_run_what_only_they_can() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let other = stage.another_process().await;
    workpool.create_pool(Pool::new("one").max_parallelism(1)).await.unwrap();
    let of = |function: &str| format!("integration::functions::{function}");
    let echoes = stage.worker().only_functions([of("echo")]).start().await.unwrap();
    let flakies = stage.worker_of(&other).only_functions([of("flaky")]).start().await.unwrap();
    for round in 0..5 {
        let echo = echo::enqueue(workpool, round.to_string()).pool("one").await.unwrap();
        let flaky = flaky::enqueue(workpool, 0).pool("one").await.unwrap();
        workpool.result(echo).await.unwrap();
        workpool.result(flaky).await.unwrap();
    }
    drop((echoes, flakies));
}

#[tokio::test]
async fn raising_the_limit_starts_more_in_well_under_a_second() {
    let stage = Stage::new().await;
    let other = stage.another_process().await;
    let worker = stage.worker_of(&other).poll_interval(TOO_LATE);
    let _worker = worker.start().await.unwrap();
    enqueue_narrow(&stage, 6).await;
    stage.gates.arrived("narrow", 2).await;
    let begun = Instant::now();
    stage.workpool().pool("narrow").set_max_parallelism(5).await.unwrap();
    stage.gates.arrived("narrow", 5).await;
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    stage.gates.open("narrow");
    all_have_ended(&stage).await;
    assert_eq!(stage.witness.most_at_once("narrow"), 5);
}

#[tokio::test]
async fn lowering_the_limit_stops_nothing_and_starts_nothing_until_fewer_run() {
    let stage = Stage::new().await;
    let _worker = stage.start().await;
    let pool = stage.workpool().pool("narrow");
    pool.set_max_parallelism(4).await.unwrap();
    enqueue_narrow(&stage, 8).await;
    stage.gates.arrived("narrow", 4).await;
    pool.set_max_parallelism(2).await.unwrap();
    // Of four, two may go before another one starts.
    for ended in 1..=2 {
        stage.gates.admit("narrow", 1);
        eventually("one has ended", async || stage.unfinished().await == 8 - ended).await;
        let_workers_look(&stage).await;
        assert_eq!(stage.gates.arrivals("narrow"), 4, "after {ended}");
    }
    stage.gates.admit("narrow", 1);
    stage.gates.arrived("narrow", 5).await;
    let_workers_look(&stage).await;
    assert_eq!(stage.gates.arrivals("narrow"), 5);
    stage.gates.open("narrow");
    all_have_ended(&stage).await;
}

#[tokio::test]
async fn a_limit_of_zero_starts_nothing_until_it_is_raised() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let _worker = stage.start().await;
    workpool.pool("echo").set_max_parallelism(0).await.unwrap();
    let id = echo::enqueue(workpool, "x".into()).await.unwrap();
    let_workers_look(&stage).await;
    assert!(workpool.status(id).await.unwrap().unwrap().is_pending());
    workpool.pool("echo").set_max_parallelism(1).await.unwrap();
    assert_eq!(workpool.result(id).await.unwrap(), "x");
}

#[tokio::test]
async fn work_that_waits_for_its_time_or_its_next_attempt_holds_no_slot() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let _worker = stage.start().await;
    workpool.create_pool(Pool::new("one").max_parallelism(1)).await.unwrap();
    let hour = Duration::from_hours(1);
    echo::enqueue(workpool, "later".into()).pool("one").run_after(hour).await.unwrap();
    let policy = RetryPolicy::new().initial_backoff(hour);
    let flaky = flaky::enqueue(workpool, 1).pool("one").retry(policy).await.unwrap();
    eventually("it is in backoff", async || {
        let status = workpool.status(flaky).await.unwrap().unwrap();
        status.is_pending() && status.previous_attempts() == 1
    })
    .await;
    let id = echo::enqueue(workpool, "now".into()).pool("one").await.unwrap();
    assert_eq!(workpool.result(id).await.unwrap(), "now");
}

#[tokio::test]
async fn a_flooded_pool_delays_no_other() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let _worker = stage.start().await;
    enqueue_narrow(&stage, 5000).await;
    stage.gates.arrived("narrow", 2).await;
    for round in 0..5 {
        let begun = Instant::now();
        let id = echo::enqueue(workpool, round.to_string()).await.unwrap();
        end_of(&stage, id).await;
        assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    }
    let sum = workpool.pool("narrow").cancel_all().run().await.unwrap();
    assert_eq!((sum.canceled, sum.requested), (4998, 2));
    stage.gates.open("narrow");
}

#[tokio::test]
async fn a_limit_lowered_by_sql_holds_soon() {
    let stage = Stage::new().await;
    let _worker = stage.start().await;
    enqueue_narrow(&stage, 6).await;
    stage.gates.arrived("narrow", 2).await;
    stage.execute("UPDATE workpool.pools SET max_parallelism = 1 WHERE name = 'narrow'").await;
    let_workers_look(&stage).await;
    stage.gates.admit("narrow", 1);
    eventually("one has ended", async || stage.unfinished().await == 5).await;
    let_workers_look(&stage).await;
    assert_eq!(stage.gates.arrivals("narrow"), 2, "one still runs");
    stage.gates.open("narrow");
    all_have_ended(&stage).await;
}
