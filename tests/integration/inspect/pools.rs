//! Pools at a glance.

use std::time::Duration;

use workpool::inspect::{Health, PoolOverview};
use workpool_tests::{Stage, eventually};

use crate::functions::{echo, failing_at, flaky, gated};

const LATER: Duration = Duration::from_hours(1);

async fn pool(stage: &Stage, name: &str) -> PoolOverview {
    stage.workpool().inspect().pool(name).await.unwrap().unwrap()
}

/// As if everything had been due for so many seconds.
async fn age(stage: &Stage, seconds: u64) {
    let sql = format!("UPDATE workpool.work SET run_at = run_at - interval '{seconds} seconds'");
    stage.execute(&sql).await;
}

#[tokio::test]
async fn a_pool_shows_what_waits_runs_and_ended() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let worker = stage.start().await;
    let done = gated::enqueue(workpool, "open".into()).await.unwrap();
    stage.gates.open("open");
    workpool.result(done).await.unwrap();
    gated::enqueue_batch(workpool, (0..12).map(|_| "gate".to_owned())).await.unwrap();
    gated::enqueue(workpool, "later".into()).run_after(LATER).await.unwrap();
    stage.gates.arrived("gate", 10).await;
    let seen = pool(&stage, "gated").await;
    assert_eq!((seen.running.items, seen.backlog.items, seen.scheduled.items), (10, 2, 1));
    assert!(!seen.running.more && !seen.backlog.more && !seen.scheduled.more);
    assert_eq!((seen.workers, seen.holders.len(), seen.holders[0].granted), (1, 1, 10));
    assert_eq!(seen.holders[0].pid, Some(i64::from(std::process::id())));
    eventually("the end is counted", async || pool(&stage, "gated").await.hour.succeeded == 1)
        .await;
    stage.gates.open("gate");
    worker.shutdown().await;
}

#[tokio::test]
async fn all_pools_come_by_name_and_one_that_is_not_there_is_none() {
    let stage = Stage::new().await;
    let inspector = stage.workpool().inspect();
    let names: Vec<_> =
        inspector.pools().await.unwrap().into_iter().map(|pool| pool.name).collect();
    assert!(names.is_sorted() && names.contains(&"echo".to_owned()), "{names:?}");
    assert!(inspector.pool("nowhere").await.unwrap().is_none());
}

#[tokio::test]
async fn a_paused_pool_says_so_and_how_much_waits() {
    let stage = Stage::new().await;
    echo::enqueue(stage.workpool(), "x".into()).await.unwrap();
    stage.workpool().pool("echo").pause().await.unwrap();
    let seen = pool(&stage, "echo").await;
    assert_eq!((seen.health, &*seen.reason), (Health::Paused, "somebody paused it; 1 wait"));
    stage.workpool().pool("echo").resume().await.unwrap();
    stage.workpool().pool("echo").set_max_parallelism(0).await.unwrap();
    assert_eq!(pool(&stage, "echo").await.reason, "its limit is 0; 1 wait");
}

#[tokio::test]
async fn a_pool_without_a_worker_is_told_once_work_is_due() {
    let stage = Stage::new().await;
    assert_eq!(pool(&stage, "echo").await.health, Health::Ok);
    echo::enqueue(stage.workpool(), "x".into()).await.unwrap();
    let seen = pool(&stage, "echo").await;
    assert_eq!(seen.health, Health::NoWorker);
    age(&stage, 90).await;
    let lag = pool(&stage, "echo").await.lag_ms;
    assert!((90_000..150_000).contains(&lag), "{lag}");
}

#[tokio::test]
async fn a_function_that_no_worker_knows_is_named() {
    let stage = Stage::new().await;
    let _worker = stage.start().await;
    eventually("it serves the pool", async || pool(&stage, "echo").await.workers == 1).await;
    stage
        .execute(
            "INSERT INTO workpool.work (id, pool, function, kind, run_at, args)
             VALUES (gen_random_uuid(), 'echo', 'renamed', 0, now(), '1')",
        )
        .await;
    let seen = pool(&stage, "echo").await;
    assert_eq!(seen.health, Health::UnknownFunction);
    assert_eq!(seen.reason, "no live worker knows the function `renamed`; 1 wait");
}

#[tokio::test]
async fn a_pool_whose_slots_are_taken_is_saturated_once_work_has_waited_for_a_while() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let _worker = stage.start().await;
    gated::enqueue_batch(workpool, (0..11).map(|_| "gate".to_owned())).await.unwrap();
    stage.gates.arrived("gate", 10).await;
    assert_eq!(pool(&stage, "gated").await.health, Health::Ok);
    age(&stage, 60).await;
    let seen = pool(&stage, "gated").await;
    assert_eq!(seen.health, Health::Saturated, "{}", seen.reason);
    assert!(seen.reason.starts_with("all 10 slots are taken"), "{}", seen.reason);
    stage.gates.open("gate");
}

#[tokio::test]
async fn a_pool_with_free_slots_in_which_work_waits_is_behind() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let id = echo::enqueue(workpool, "x".into()).await.unwrap();
    age(&stage, 60).await;
    // Somebody holds the row.
    let mut tx = workpool.db().begin().await.unwrap();
    let hold = "SELECT FROM workpool.work WHERE id = $1 FOR UPDATE";
    sqlx::query(hold).bind(id.uuid()).execute(&mut *tx).await.unwrap();
    let _worker = stage.start().await;
    let is_behind = async || pool(&stage, "echo").await.health == Health::Behind;
    eventually("it is behind", is_behind).await;
    tx.rollback().await.unwrap();
    workpool.result(id).await.unwrap();
}

#[tokio::test]
async fn a_pool_in_which_most_attempts_fail_is_failing() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    stage.gates.open("gate");
    let _worker = stage.start().await;
    for _ in 0..3 {
        let id = failing_at::enqueue(workpool, "gate".into()).await.unwrap();
        workpool.result(id).await.unwrap_err();
    }
    flaky::enqueue(workpool, 0).await.unwrap();
    eventually("it fails", async || pool(&stage, "flaky").await.health == Health::Failing).await;
    let seen = pool(&stage, "flaky").await;
    assert!(seen.reason.starts_with("3 of the "), "{}", seen.reason);
}

#[tokio::test]
async fn history_adds_up_and_has_a_part_for_each_stretch_of_time() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let worker = stage.start().await;
    for n in 0..5 {
        let id = echo::enqueue(workpool, n.to_string()).await.unwrap();
        workpool.result(id).await.unwrap();
    }
    let id = flaky::enqueue(workpool, 1).retry(true).await.unwrap();
    workpool.result(id).await.unwrap();
    worker.shutdown().await;
    let inspector = workpool.inspect();
    let hour = inspector.history(None, Duration::from_hours(1), 60).await.unwrap();
    assert_eq!(hour.len(), 60);
    assert!(hour.windows(2).all(|two| two[1].at.since(two[0].at) == Duration::from_mins(1)));
    let sum = |of: fn(&workpool::inspect::Bucket) -> u64| hour.iter().map(of).sum::<u64>();
    assert_eq!((sum(|b| b.ended.succeeded), sum(|b| b.ended.retries)), (6, 1));
    let busy = hour.iter().find(|bucket| bucket.ended.succeeded > 0).unwrap();
    assert!(busy.duration_avg_ms.unwrap() > 0.0 && busy.lag_max_ms.unwrap() >= 0.0);
    assert!(busy.duration_avg_ms.unwrap() <= busy.duration_max_ms.unwrap());
    assert_eq!(hour[0].duration_avg_ms, None);
    let echo = inspector.history(Some("echo"), Duration::from_hours(1), 1).await.unwrap();
    assert_eq!(echo.last().unwrap().ended.succeeded, 5);
    let each = inspector.histories(&["echo", "gated"], Duration::from_hours(1), 60).await.unwrap();
    assert_eq!(each.keys().collect::<Vec<_>>(), ["echo"], "of the others nothing ended");
    assert_eq!(each["echo"].iter().map(|part| part.ended.succeeded).sum::<u64>(), 5);
    assert!(each["echo"].iter().all(|part| hour.iter().any(|one| one.at == part.at)));
}

#[tokio::test]
async fn old_counters_are_summed_up_and_nothing_is_lost() {
    let stage = Stage::new().await;
    stage
        .execute(
            "INSERT INTO workpool.stats (pool, at, succeeded, lag_us, lag_max_us)
             SELECT 'echo', date_trunc('minute', now()) - interval '20 minutes' + n * interval '1 second', 1, n, n
             FROM generate_series(0, 119) AS n",
        )
        .await;
    stage.execute("UPDATE workpool.pools SET reported_at = now()").await;
    let _worker = stage.start().await;
    let rows = "SELECT count(*) FROM workpool.stats WHERE pool = 'echo'";
    eventually("they are two rows", async || stage.value::<i64>(rows).await == 2).await;
    let inspector = stage.workpool().inspect();
    let hour = inspector.history(Some("echo"), Duration::from_hours(1), 60).await.unwrap();
    let sum: u64 = hour.iter().map(|bucket| bucket.ended.succeeded).sum();
    assert_eq!(sum, 120);
    let longest = hour.iter().filter_map(|bucket| bucket.lag_max_ms).fold(0.0, f64::max);
    assert!((longest - 0.119).abs() < 1e-9, "{longest}");
}
