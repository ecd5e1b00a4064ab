//! The endpoints for a scraper and for whatever restarts processes.

use std::sync::OnceLock;
use std::time::Duration;

use axum::Router;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use workpool::Workpool;
use workpool::prometheus::Prometheus;
use workpool::testing::{Postgres, PostgresOptions, Stop};
use workpool_tests::{Gates, Stage, eventually, setup};

use crate::functions::{flaky, quiet};
use crate::page::documented;

/// Serves a router until the test ends; answers with its address.
async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// The status and the body of an answer.
async fn get(address: &str, path: &str) -> (u16, String) {
    let answer = workpool_tests::get(address, path, "").await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, body.to_owned())
}

async fn get_json(address: &str, path: &str) -> (u16, Value) {
    let (status, body) = get(address, path).await;
    (status, serde_json::from_str(&body).unwrap())
}

/// One for the program, as its recorder is.
fn prometheus() -> &'static Prometheus {
    static ONE: OnceLock<Prometheus> = OnceLock::new();
    ONE.get_or_init(|| Prometheus::install().unwrap())
}

#[tokio::test]
async fn a_scraper_reads_every_metric_under_its_name() {
    let prometheus = prometheus();
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let worker = stage.start().await;
    let id = flaky::enqueue(workpool, 1).on_complete::<quiet>(()).await.unwrap();
    workpool.result(id).await.unwrap();
    let address = serve(prometheus.router()).await;
    let has_run = async || {
        let (status, text) = get(&address, "/metrics").await;
        assert_eq!(status, 200);
        text.contains("workpool_callback_duration_seconds_bucket")
            && text.contains("workpool_workers")
    };
    eventually("a callback and the worker are shown", has_run).await;
    let (_, text) = get(&address, "/metrics").await;
    // What has not happened is not there.
    let rare = "workpool_database_errors_total";
    for (name, (kind, _)) in documented() {
        let line = format!("# TYPE {name} {kind}");
        assert!(name == rare || text.lines().any(|l| l == line), "no {line}\n{text}");
    }
    assert!(text.lines().any(|l| l.starts_with("# HELP workpool_backlog Items that are due")));
    let retried = "workpool_completed_total{pool=\"work\",function=\"telemetry::functions::flaky\",\
                   outcome=\"retrying\"} ";
    assert!(text.contains(retried), "{text}");
    assert!(text.contains("workpool_claim_items_bucket{pool=\"work\",le=\"1000\"}"), "{text}");
    worker.shutdown().await;
}

#[tokio::test]
async fn a_lost_lease_is_counted_and_the_worker_that_follows_is_ready() {
    let prometheus = prometheus();
    let stage = Stage::new().await;
    let worker = stage.start().await;
    let (health, first) = (worker.health(), worker.id());
    stage.execute("UPDATE workpool.workers SET dead = true").await;
    eventually("another life begins", async || worker.id() != first).await;
    eventually("it is ready", async || health.readiness().await.ready).await;
    let counted = || {
        let page = prometheus.render();
        let line = page.lines().find_map(|line| line.strip_prefix("workpool_leases_lost_total "));
        line.is_some_and(|count| count != "0")
    };
    eventually("it is counted", async || counted()).await;
    worker.shutdown().await;
}

#[tokio::test]
async fn a_second_recorder_is_refused() {
    prometheus();
    let second = Prometheus::install();
    assert!(matches!(second, Err(workpool::Error::InvalidConfig { .. })), "{second:?}");
}

#[tokio::test]
async fn a_worker_is_live_and_ready_until_it_ends() {
    let stage = Stage::new().await;
    let worker = stage.start().await;
    let health = worker.health();
    let address = serve(health.router()).await;
    assert_eq!(get_json(&address, "/live").await, (200, json!({"live": true})));
    let (status, ready) = get_json(&address, "/ready").await;
    let well =
        json!({"ready": true, "running": true, "lease": true, "loops": true, "database": true});
    assert_eq!((status, ready), (200, well));
    worker.shutdown().await;
    assert_eq!(get_json(&address, "/live").await, (503, json!({"live": false})));
    let (status, ready) = get_json(&address, "/ready").await;
    assert_eq!((status, &ready["running"], &ready["database"]), (503, &json!(false), &json!(true)));
    assert!(!health.is_live());
}

#[tokio::test]
async fn without_the_database_a_worker_is_live_and_not_ready_until_it_is_back() {
    let server = Postgres::start_with(PostgresOptions::new().durable(true)).await.unwrap();
    let workpool = Workpool::connect(&server.url()).await.unwrap();
    let worker = setup::quick(&workpool).state(Gates::default()).start().await.unwrap();
    let address = serve(worker.health().within(Duration::from_secs(1)).router()).await;
    let status = async |path| get(&address, path).await.0;
    assert_eq!(status("/ready").await, 200);
    server.stop(Stop::Fast).await.unwrap();
    let unready = async || {
        let (status, ready) = get_json(&address, "/ready").await;
        status == 503 && ready["database"] == json!(false) && ready["running"] == json!(true)
    };
    eventually("it is not ready", unready).await;
    assert_eq!(status("/live").await, 200);
    server.start_again().await.unwrap();
    eventually("it is ready again", async || status("/ready").await == 200).await;
    worker.shutdown().await;
}

#[tokio::test]
async fn a_process_without_a_worker_is_ready_while_it_reaches_the_database_in_time() {
    let stage = Stage::new().await;
    let health = stage.workpool().health().within(Duration::from_millis(200));
    assert!(health.is_live() && health.readiness().await.ready);
    let mut all = Vec::new();
    while let Some(conn) = stage.workpool().db().try_acquire() {
        all.push(conn);
    }
    // What is idle is taken; the rest is opened.
    let most = stage.workpool().db().options().get_max_connections() as usize;
    while all.len() < most {
        all.push(stage.workpool().db().acquire().await.unwrap());
    }
    let kept = async || health.readiness().await.database;
    eventually("no connection is free in time", async || !kept().await).await;
    drop(all);
    eventually("one is", kept).await;
}
