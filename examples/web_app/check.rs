//! What `--once` does: what a visitor and somebody on call would, and whether it holds.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use workpool::Workpool;

/// A request as it goes over the wire, and the answer.
async fn ask(address: SocketAddr, request: &str, headers: &str, body: &str) -> Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let length = body.len();
    let request = format!(
        "{request} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n\
         {headers}\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";

/// Places orders and looks at everything.
pub(crate) async fn all(workpool: &Workpool, address: SocketAddr, password: &str) -> Result<()> {
    let placed = ask(address, "POST /orders", FORM, "item=a+%3Cb%3Ebicycle").await?;
    let page = placed.lines().find_map(|line| line.strip_prefix("location: "));
    let page = page.with_context(|| format!("the order is placed: {placed}"))?;

    let changes = ask(address, &format!("GET {page}/changes"), "", "").await?;
    for line in changes.lines().filter_map(|line| line.strip_prefix("data: ")) {
        println!("{page}: {line}");
    }
    ensure!(changes.contains("waits: the van does not start"), "the first attempt fails");
    ensure!(changes.contains("success after 2 attempts"), "the second succeeds: {changes}");

    let refused = ask(address, "POST /orders", FORM, "item=+").await?;
    ensure!(refused.contains("an order needs an item"), "{refused}");
    let orders: i64 =
        sqlx::query_scalar("SELECT count(*) FROM orders").fetch_one(workpool.db()).await?;
    let waiting = workpool.stats("shipping").await?;
    ensure!(orders == 1 && waiting.backlog == 0, "neither the order nor its work is there");

    let locked = ask(address, "GET /jobs", "", "").await?;
    ensure!(locked.starts_with("HTTP/1.1 401"), "nobody sees the dashboard without the password");
    let pair = BASE64_STANDARD.encode(format!("admin:{password}"));
    let login = format!("Authorization: Basic {pair}\r\n");
    let jobs = ask(address, "GET /jobs", &login, "").await?;
    ensure!(jobs.starts_with("HTTP/1.1 200") && jobs.contains("shipping"), "{jobs}");
    ensure!(jobs.contains("acting as"), "the dashboard knows who it is");
    println!("the dashboard shows {} bytes to whoever has the password", jobs.len());
    Ok(())
}
