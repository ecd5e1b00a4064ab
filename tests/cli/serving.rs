//! The dashboard as a server.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::Command;
use workpool_tests::{Stage, patiently};

use crate::program::{alone, run, workpool};

/// The first line of what a server answers.
async fn answers(address: &str, target: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    patiently("an answer", stream.read_to_string(&mut answer)).await.unwrap();
    answer.lines().next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn the_dashboard_is_served_to_whoever_has_the_printed_address() {
    let stage = Stage::new().await;
    let mut command = alone(&["dashboard", "--listen", "127.0.0.1:0"]);
    command.env("DATABASE_URL", stage.url()).stdout(Stdio::piped());
    let mut server = Command::from(command).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let url = patiently("the address", lines.next_line()).await.unwrap().unwrap();
    let (address, target) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    assert_eq!(answers(address, "/").await, "HTTP/1.1 401 Unauthorized");
    assert_eq!(answers(address, &format!("/{target}")).await, "HTTP/1.1 303 See Other");

    let interrupt = ["-INT", &server.id().unwrap().to_string()];
    assert!(Command::new("kill").args(interrupt).status().await.unwrap().success());
    let end = patiently("the server ends", server.wait()).await.unwrap();
    assert_eq!(end.code(), Some(0));
}

#[tokio::test]
async fn a_public_address_without_a_token_is_refused() {
    let stage = Stage::new().await;
    let refused = workpool(stage.url(), "dashboard --listen 0.0.0.0:0").await;
    refused.ended(1, "is not a loopback address: choose a token");
    let weak = workpool(stage.url(), "dashboard --listen 0.0.0.0:0 --token short").await;
    weak.ended(1, "at least 16 characters");
    run(alone(&["dashboard", "--listen", "nowhere"])).ended(2, "--listen");
}
