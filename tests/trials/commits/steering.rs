//! Calls of the API that steer pools, callbacks and workers.

use std::time::Duration;

use rand::RngExt;
use workpool::{Error, LogLevel, Pool, WorkId, Workpool, sqlx};

use super::bench::{BEGIN, Bench};
use super::calls::waiting;
use crate::functions::{Task, once};
use crate::place;

/// A pool of its own.
async fn fresh(bench: &Bench<'_>) -> String {
    let name = format!("pool-{}", WorkId::<u32>::new());
    bench.place.near.create_pool(Pool::new(&name)).await.unwrap();
    name
}

fn of_pool(what: &str, name: &str) -> String {
    format!("SELECT ({what})::bigint FROM workpool.pools WHERE name = '{name}'")
}

pub(super) async fn cancel_all(bench: &mut Bench<'_>) {
    const ITEMS: u8 = 5;
    let (far, name) = (bench.far.clone(), fresh(bench).await);
    let tasks = [Task::SUCCEEDS; ITEMS as usize];
    once::enqueue_batch(&bench.place.near, tasks).pool(&name).await.unwrap();
    let pool = far.pool(&name);
    let call = async |_| pool.cancel_all().run().await;
    let statements = ["COMMIT", BEGIN, "cancelable", "cancel"];
    if let Some(answer) = bench.ask("cancel_all", &statements, call).await {
        let canceled = i64::try_from(answer.value.canceled).unwrap();
        let good = canceled == i64::from(ITEMS) || answer.again && canceled == 0;
        bench.report.require(good, || format!("cancel_all canceled {canceled}"));
    }
    let sql =
        format!("SELECT count(*) FROM workpool.finished WHERE pool = '{name}' AND outcome = 2");
    bench.must("cancel_all", sql, ITEMS.into()).await;
}

pub(super) async fn resize(bench: &mut Bench<'_>) {
    let (far, name) = (bench.far.clone(), fresh(bench).await);
    let limit = bench.numbers.random_range(0..9);
    let pool = far.pool(&name);
    let call = async |_| pool.set_max_parallelism(limit).await;
    bench.ask("resize", &["COMMIT", BEGIN, "resize"], call).await;
    bench.must("resize", of_pool("max_parallelism", &name), i64::from(limit)).await;
}

pub(super) async fn pause(bench: &mut Bench<'_>) {
    let (far, name) = (bench.far.clone(), fresh(bench).await);
    let pool = far.pool(&name);
    let resume = bench.numbers.random_bool(0.5);
    if resume {
        bench.place.near.pool(&name).pause().await.unwrap();
    }
    let call = async |_| if resume { pool.resume().await } else { pool.pause().await };
    bench.ask("pause, resume", &["COMMIT", BEGIN, "resize"], call).await;
    bench.must("pause, resume", of_pool("paused::int", &name), i64::from(!resume)).await;
}

pub(super) async fn create(bench: &mut Bench<'_>) {
    let far = bench.far.clone();
    let name = format!("new-{}", WorkId::<u32>::new());
    let call = async |_| far.create_pool(Pool::new(&name).max_parallelism(3)).await;
    if let Some(answer) = bench.ask("create", &["seed_pools", "notify"], call).await {
        bench.report.require(answer.value || answer.again, || "create: it existed".into());
    }
    bench.must("create", of_pool("max_parallelism", &name), 3).await;
}

pub(super) async fn remove(bench: &mut Bench<'_>) {
    let (far, name) = (bench.far.clone(), fresh(bench).await);
    let pool = far.pool(&name);
    let call = async |repeat| match pool.remove().await {
        // It was the first one that did it.
        Err(Error::UnknownPool(_)) if repeat > 0 => Ok(()),
        answer => answer,
    };
    bench.ask("remove", &["COMMIT", BEGIN, "lock_pools", "remove_pool"], call).await;
    let sql = format!("SELECT count(*) FROM workpool.pools WHERE name = '{name}'");
    bench.must("remove", sql, 0).await;
}

pub(super) async fn replay(bench: &mut Bench<'_>) {
    let (far, id) = (bench.far.clone(), waiting(bench).await);
    bench.place.near.cancel(id).await.unwrap();
    let park = "UPDATE workpool.callbacks SET parked_at = now(), attempt = 20 WHERE id = ";
    bench.place.execute(&format!("{park} '{id}'")).await;
    let call = async |_| far.replay_callbacks([id.uuid()]).await;
    if let Some(answer) = bench.ask("replay", &["replay"], call).await {
        let good = answer.value == 1 || answer.again && answer.value == 0;
        bench.report.require(good, || format!("replayed {}", answer.value));
    }
    let due = "SELECT count(*) FROM workpool.callbacks WHERE parked_at IS NULL AND attempt = 0";
    bench.must("replay", format!("{due} AND id = '{id}'"), 1).await;
}

/// Calls that only read, or that set what is only for people.
pub(super) async fn look(bench: &mut Bench<'_>) {
    let (far, name) = (bench.far.clone(), fresh(bench).await);
    let answer = bench.ask("stats", &["stats"], async |_| far.stats(&name).await).await;
    bench.report.require(answer.is_none_or(|a| a.value.backlog == 0), || "stats".into());
    bench.ask("parked", &["parked"], async |_| far.parked_callbacks(10).await).await;
    let answer = bench.ask("pools", &["pools"], async |_| far.pools().await).await;
    let known = answer.is_none_or(|answer| answer.value.contains(&name));
    bench.report.require(known, || "pools: one is missing".into());
    let pool = far.pool(&name);
    let call = async |_| pool.set_log_level(LogLevel::Debug).await;
    bench.ask("log level", &["set_log_level"], call).await;
    bench.must("log level", of_pool("(log_level = 'debug')::int", &name), 1).await;
}

/// Connecting to an empty database, and starting a worker there.
pub(super) async fn start(bench: &mut Bench<'_>) {
    let near = place::empty().await;
    let database = near.rsplit('/').next().unwrap();
    let (before, _) = bench.far_url.rsplit_once('/').unwrap();
    let url = format!("{before}/{database}");
    let call = async |_| Workpool::connect(&url).await;
    let Some(answer) = bench.ask("connect", &["COMMIT", BEGIN, "seed_pools"], call).await else {
        return;
    };
    let there = answer.value;
    let lease = Duration::from_secs(1);
    let call = async |_| {
        let worker = place::quick(&there).lease(lease);
        worker.heartbeat(lease / 5).start().await
    };
    let statements = ["register", "register_slots", "pools"];
    let Some(answer) = bench.ask("start", &statements, call).await else { return };
    let id = answer.value.id();
    answer.value.shutdown().await;
    let left = sqlx::query_scalar("SELECT count(*) FROM workpool.workers WHERE id = $1");
    let left: i64 = left.bind(id).fetch_one(there.db()).await.unwrap();
    bench.report.require(left == 0, || "a worker that was shut down is still registered".into());
    there.db().close().await;
}
