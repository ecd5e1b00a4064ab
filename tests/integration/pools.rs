//! Section 4: pausing, creating and removing pools, and who decides about their values.

use std::time::{Duration, Instant};

use workpool::{ActionCtx, Error, Pool, RetryPolicy, Status, action};
use workpool_tests::{Stage, Witness, eventually, patiently};

use crate::functions::{
    SOON, TOO_LATE, echo, end_of, ended, failing_at, flaky, gated, let_workers_look, note,
};

workpool::pool!(
    /// As code would have it.
    AGREED = Pool::new("agreed").max_parallelism(4).status_ttl(Duration::from_mins(1))
);

#[action(pool = AGREED)]
async fn agreed(_ctx: &ActionCtx) -> workpool::Result<()> {
    Ok(())
}

#[action(pool = "steady")]
async fn steady(ctx: &ActionCtx) -> workpool::Result<()> {
    ctx.state::<Witness>().saw("steady");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_starts_after_pause_has_returned() {
    let stage = Stage::new().await;
    let other = stage.another_process().await;
    let _workers = (stage.start().await, stage.worker_of(&other).start().await.unwrap());
    let pool = stage.workpool().pool("steady");
    let started = "SELECT (SELECT count(*) FROM workpool.finished WHERE pool = 'steady')
        + (SELECT count(*) FROM workpool.work WHERE pool = 'steady' AND attempt > 0)";
    steady::enqueue_batch(stage.workpool(), vec![(); 4000]).await.unwrap();
    for round in 1..=5 {
        stage.witness.until("steady", round * 20).await;
        pool.pause().await.unwrap();
        let at_return: i64 = stage.value(started).await;
        let_workers_look(&stage).await;
        assert_eq!(stage.value::<i64>(started).await, at_return, "in round {round}");
        pool.resume().await.unwrap();
    }
}

#[tokio::test]
async fn a_paused_pool_lets_work_finish_and_keeps_its_retries() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let _worker = stage.start().await;
    let policy = RetryPolicy::new().initial_backoff(Duration::ZERO);
    let good = gated::enqueue(workpool, "gate".into()).pool("flaky");
    let good = good.on_complete::<ended>("good".into()).await.unwrap();
    let bad = failing_at::enqueue(workpool, "gate".into()).retry(policy).await.unwrap();
    stage.gates.arrived("gate", 2).await;
    workpool.pool("flaky").pause().await.unwrap();
    stage.gates.admit("gate", 2);
    workpool.result(good).await.unwrap();
    eventually("its callback runs", async || stage.notes().await.len() == 1).await;
    eventually("the other waits for its next attempt", async || {
        workpool.status(bad).await.unwrap().unwrap().is_pending()
    })
    .await;
    let_workers_look(&stage).await;
    assert_eq!(stage.gates.arrivals("gate"), 2);
    workpool.pool("flaky").resume().await.unwrap();
    stage.gates.arrived("gate", 3).await;
    stage.gates.open("gate");
    assert_eq!(end_of(&stage, bad).await.attempts, 5);
}

#[tokio::test]
async fn resume_starts_what_waited_in_any_process() {
    let stage = Stage::new().await;
    let other = stage.another_process().await;
    let worker = stage.worker_of(&other).poll_interval(TOO_LATE);
    let _worker = worker.start().await.unwrap();
    let pool = stage.workpool().pool("echo");
    pool.pause().await.unwrap();
    assert!(pool.stats().await.unwrap().paused);
    let id = echo::enqueue(stage.workpool(), "x".into()).await.unwrap();
    let_workers_look(&stage).await;
    assert!(stage.workpool().status(id).await.unwrap().unwrap().is_pending());
    let begun = Instant::now();
    pool.resume().await.unwrap();
    assert_eq!(stage.workpool().result(id).await.unwrap(), "x");
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    assert!(!pool.stats().await.unwrap().paused);
}

#[tokio::test]
async fn values_in_code_seed_a_pool_and_the_database_rules_afterwards() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    assert_eq!(workpool.stats("agreed").await.unwrap().max_parallelism, 4);
    workpool.pool("agreed").set_max_parallelism(7).await.unwrap();
    workpool.pool("agreed").pause().await.unwrap();
    let again = stage.another_process().await;
    agreed::enqueue(&again, ()).await.unwrap();
    let _worker = stage.worker_of(&again).start().await.unwrap();
    let_workers_look(&stage).await;
    let stats = again.stats("agreed").await.unwrap();
    assert_eq!((stats.max_parallelism, stats.paused, stats.backlog), (7, true, 1));
}

#[tokio::test]
async fn a_pool_paused_by_sql_starts_nothing_soon_after() {
    let stage = Stage::new().await;
    let _worker = stage.start().await;
    let id = echo::enqueue(stage.workpool(), "x".into()).await.unwrap();
    stage.workpool().result(id).await.unwrap();
    stage.execute("UPDATE workpool.pools SET paused = true WHERE name = 'echo'").await;
    let_workers_look(&stage).await;
    let id = echo::enqueue(stage.workpool(), "y".into()).await.unwrap();
    let_workers_look(&stage).await;
    assert!(stage.workpool().status(id).await.unwrap().unwrap().is_pending());
    stage.execute("UPDATE workpool.pools SET paused = false").await;
    assert_eq!(stage.workpool().result(id).await.unwrap(), "y");
}

#[tokio::test]
async fn a_pool_created_at_run_time_is_served_by_workers_that_run() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let other = stage.another_process().await;
    let worker = stage.worker_of(&other).poll_interval(TOO_LATE);
    let _worker = worker.start().await.unwrap();
    let fresh = Pool::new("fresh").max_parallelism(2);
    assert!(workpool.create_pool(fresh).await.unwrap());
    assert!(!workpool.create_pool(fresh.max_parallelism(9)).await.unwrap(), "it is there");
    assert_eq!(workpool.stats("fresh").await.unwrap().max_parallelism, 2);
    assert!(workpool.pools().await.unwrap().contains(&"fresh".to_owned()));
    let begun = Instant::now();
    let id = echo::enqueue(workpool, "x".into()).pool("fresh").await.unwrap();
    assert_eq!(workpool.result(id).await.unwrap(), "x");
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_pool_is_removed_only_when_it_has_no_work_left() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    workpool.create_pool(Pool::new("fresh")).await.unwrap();
    let id = echo::enqueue(workpool, "x".into()).pool("fresh").await.unwrap();
    let pool = workpool.pool("fresh");
    assert!(matches!(pool.remove().await, Err(Error::PoolInUse(_))));
    stage.drain().await.assert_nothing_left();
    pool.remove().await.unwrap();
    assert!(!workpool.pools().await.unwrap().contains(&"fresh".to_owned()));
    assert_eq!(workpool.result(id).await.unwrap(), "x", "results outlive it");
    let refused = echo::enqueue(workpool, "x".into()).pool("fresh").await;
    assert!(matches!(refused, Err(Error::UnknownPool(_))));
    assert!(matches!(pool.remove().await, Err(Error::UnknownPool(_))));
    assert!(matches!(pool.pause().await, Err(Error::UnknownPool(_))));
    assert!(matches!(pool.set_max_parallelism(1).await, Err(Error::UnknownPool(_))));
    assert!(matches!(pool.stats().await, Err(Error::UnknownPool(_))));
}

#[tokio::test]
async fn a_removed_pool_that_is_created_again_is_served_again() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let _worker = stage.start().await;
    for round in 0..3 {
        workpool.create_pool(Pool::new("fresh").max_parallelism(1)).await.unwrap();
        let id = echo::enqueue(workpool, round.to_string()).pool("fresh").await.unwrap();
        assert_eq!(workpool.result(id).await.unwrap(), round.to_string());
        workpool.pool("fresh").remove().await.unwrap();
    }
}

#[tokio::test]
async fn a_declared_pool_comes_back_when_a_process_connects() {
    let stage = Stage::new().await;
    stage.workpool().pool("agreed").remove().await.unwrap();
    let again = stage.another_process().await;
    assert_eq!(again.stats("agreed").await.unwrap().max_parallelism, 4);
}

#[tokio::test]
async fn a_worker_for_a_function_that_the_program_does_not_have_is_refused() {
    let stage = Stage::new().await;
    let only = ["integration::functions::ecko"];
    let refused = stage.worker().only_functions(only).start().await.unwrap_err();
    assert!(
        refused.to_string().contains("did you mean `integration::functions::echo`?"),
        "{refused}"
    );
}

#[tokio::test]
async fn functions_that_a_worker_does_not_have_stay_pending_and_use_no_attempt() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let only = ["integration::functions::echo", "integration::functions::read_clock"];
    let _worker = stage.worker().only_functions(only).start().await.unwrap();
    let foreign = flaky::enqueue(workpool, 0).pool("echo").await.unwrap();
    let known = echo::enqueue(workpool, "x".into()).await.unwrap();
    assert_eq!(workpool.result(known).await.unwrap(), "x", "it is not in the way");
    let_workers_look(&stage).await;
    match workpool.status(foreign).await.unwrap() {
        Some(Status::Pending { previous_attempts: 0, last_failure: None, .. }) => {}
        other => panic!("{other:?}"),
    }
    let other = stage.another_process().await;
    let _able = stage.worker_of(&other).start().await.unwrap();
    assert_eq!(workpool.result(foreign).await.unwrap(), 1);
}

#[tokio::test]
async fn work_that_only_another_process_can_run_reaches_it_without_polling() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let other = stage.another_process().await;
    let here = stage.worker().only_functions(["integration::functions::echo"]);
    let _here = here.start().await.unwrap();
    let there = stage.worker_of(&other).poll_interval(TOO_LATE);
    let there = there.only_functions(["integration::functions::flaky"]);
    let _there = there.start().await.unwrap();
    for _ in 0..3 {
        // Once this has ended, the worker in this process is known to have a slot free.
        let known = echo::enqueue(workpool, "x".into()).await.unwrap();
        workpool.result(known).await.unwrap();
        let foreign = flaky::enqueue(workpool, 0).pool("echo").await.unwrap();
        let begun = Instant::now();
        patiently("the other process runs it", workpool.result(foreign)).await.unwrap();
        assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn a_worker_may_serve_only_some_pools() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let _worker = stage.worker().only_pools(["echo", "clock"]).start().await.unwrap();
    let other = note::enqueue(workpool, "x".into()).await.unwrap();
    let served = echo::enqueue(workpool, "x".into()).await.unwrap();
    workpool.result(served).await.unwrap();
    let_workers_look(&stage).await;
    assert!(workpool.status(other).await.unwrap().unwrap().is_pending());
}

#[tokio::test]
async fn a_thousand_idle_pools_are_not_in_the_way() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let names = "SELECT 'idle ' || n FROM generate_series(1, 1000) AS n";
    stage.execute(&format!("INSERT INTO workpool.pools (name) {names}")).await;
    let worker = stage.worker().poll_interval(TOO_LATE);
    let _worker = worker.start().await.unwrap();
    for pool in ["idle 500", "echo", "idle 1", "idle 1000"] {
        let id = echo::enqueue(workpool, "x".into()).pool(pool).await.unwrap();
        patiently("the result", workpool.result(id)).await.unwrap();
    }
}

#[tokio::test]
async fn stats_count_what_waits_runs_and_has_ended() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let worker = stage.start().await;
    let policy = RetryPolicy::new().max_attempts(2).initial_backoff(Duration::ZERO);
    flaky::enqueue_batch(workpool, [0, 0, 1, 9]).retry(policy).await.unwrap();
    gated::enqueue(workpool, "gate".into()).pool("flaky").await.unwrap();
    stage.gates.arrived("gate", 1).await;
    eventually("all others have ended", async || stage.unfinished().await == 1).await;
    workpool.pool("flaky").pause().await.unwrap();
    let later = flaky::enqueue_batch(workpool, [0, 0]).run_after(Duration::from_hours(1));
    let later = later.await.unwrap();
    flaky::enqueue_batch(workpool, [0, 0, 0]).await.unwrap();
    workpool.cancel(later[0]).await.unwrap();
    eventually("the worker has counted", async || {
        workpool.stats("flaky").await.unwrap().completed == 6
    })
    .await;
    let stats = workpool.stats("flaky").await.unwrap();
    assert_eq!((stats.running, stats.backlog, stats.scheduled), (1, 3, 1));
    assert_eq!((stats.succeeded, stats.failed, stats.retries, stats.canceled), (3, 1, 2, 1));
    assert!((stats.failure_rate - 0.5).abs() < 1e-9, "three of six attempts");
    assert!((stats.permanent_failure_rate - 0.25).abs() < 1e-9, "one of four items");
    assert_eq!(stats, workpool.pool("flaky").stats().await.unwrap());
    stage.gates.open("gate");
    worker.shutdown().await;
}

#[tokio::test]
async fn of_two_who_create_a_pool_at_once_one_has() {
    let stage = Stage::new().await;
    let mut tx = stage.workpool().db().begin().await.unwrap();
    let first = "INSERT INTO workpool.pools (name, max_parallelism) VALUES ('both', 7)";
    sqlx::query(first).execute(&mut *tx).await.unwrap();
    let workpool = stage.workpool().clone();
    let second = tokio::spawn(async move { workpool.create_pool(Pool::new("both")).await });
    let waits = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'";
    eventually("it waits for the first", async || stage.value::<i64>(waits).await == 1).await;
    tx.commit().await.unwrap();
    assert!(!second.await.unwrap().unwrap(), "it was there");
}
