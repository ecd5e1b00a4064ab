//! Endpoints for Prometheus and for an orchestrator, and what they say of a little work. Rules and a
//! dashboard for them are in `monitoring`.
//!
//! ```text
//! cargo run -p workpool-examples --features metrics --example metrics
//! ```

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use axum::Router;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use workpool::prometheus::Prometheus;
use workpool::testing::TestDatabase;
use workpool::{ActionCtx, Pool, action};

workpool::pool!(PAGES = Pool::new("pages").max_parallelism(4));

/// Every third page answers at its second attempt only.
#[action(pool = PAGES, retry(max_attempts = 2, initial_backoff = "10ms"))]
async fn fetch(ctx: &ActionCtx, page: u32) -> Result<u32> {
    tokio::time::sleep(Duration::from_millis(5)).await;
    ensure!(!page.is_multiple_of(3) || ctx.attempt() > 1, "page {page} does not answer");
    Ok(page)
}

/// What a scraper does.
async fn get(address: &str, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[tokio::main]
async fn main() -> Result<()> {
    let database = TestDatabase::create().await?;
    let workpool = database.workpool();

    // Before the first worker, which registers what it measures.
    let prometheus = Prometheus::install()?;
    let worker = workpool.worker().start().await?;

    // In a program, routes of its own are beside them, on an address that only scrapers reach.
    let app = Router::new().merge(prometheus.router()).merge(worker.health().router());
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    tokio::spawn(async move { axum::serve(listener, app).await });

    for id in fetch::enqueue_batch(workpool, 0..30).await? {
        workpool.result(id).await?;
    }

    let ready = get(&address, "/ready").await?;
    let (head, body) = ready.split_once("\r\n\r\n").context("an answer")?;
    println!("/ready: {body}");
    ensure!(head.starts_with("HTTP/1.1 200"), "the worker is ready: {ready}");

    let page = get(&address, "/metrics").await?;
    for line in page.lines().filter(|line| line.starts_with("workpool_completed_total")) {
        println!("{line}");
    }
    for (outcome, times) in [("success", 30), ("retrying", 10)] {
        let labels = format!("pool=\"pages\",function=\"metrics::fetch\",outcome=\"{outcome}\"");
        let line = format!("workpool_completed_total{{{labels}}} {times}");
        assert!(page.lines().any(|found| found == line), "there is no {line}");
    }
    worker.shutdown().await;
    Ok(())
}
