//! The dashboard as a server.

use tokio::process::Command;
use workpool_tests::{Stage, get, patiently};

use crate::program::{alone, dashboard, run, workpool};

/// The first line of what a server answers.
async fn answers(address: &str, target: &str, headers: &str) -> String {
    let answer = get(address, target, headers).await;
    answer.lines().next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn the_dashboard_is_served_to_whoever_has_the_printed_address() {
    let stage = Stage::new().await;
    let (mut server, url) = dashboard(stage.url(), &[]).await;
    let (address, target) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    assert_eq!(answers(address, "/", "").await, "HTTP/1.1 401 Unauthorized");
    assert_eq!(answers(address, &format!("/{target}"), "").await, "HTTP/1.1 303 See Other");
    // For Prometheus, by its token alone.
    let bearer = format!("Authorization: Bearer {}\r\n", target.strip_prefix("?token=").unwrap());
    assert_eq!(answers(address, "/metrics", "").await, "HTTP/1.1 401 Unauthorized");
    assert_eq!(answers(address, "/metrics", &bearer).await, "HTTP/1.1 200 OK");

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
