//! The server of its own: who gets in.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use workpool::dashboard::Dashboard;
use workpool_tests::{Stage, get, patiently};

fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

#[tokio::test]
async fn only_whoever_has_the_token_gets_in_and_it_leaves_the_address() {
    let stage = Stage::new().await;
    let server =
        Dashboard::new(stage.workpool()).server().address(any_port()).bind().await.unwrap();
    let (address, url, end) = (server.address(), server.url(), CancellationToken::new());
    let running = tokio::spawn(server.run(end.clone().cancelled_owned()));
    let (_, query) = url.split_once("/?").unwrap();
    let token = query.strip_prefix("token=").unwrap();

    for target in
        ["/", "/work", "/?token=wrong", "/act/pause?pool=mail", "/nowhere", "/live.js", "/metrics"]
    {
        let answer = get(address, target, "").await;
        assert!(answer.starts_with("HTTP/1.1 401"), "{target}: {answer}");
        assert!(answer.contains("content-security-policy"), "{target}");
    }
    let entered = get(address, &format!("/work?{query}"), "").await;
    assert!(entered.starts_with("HTTP/1.1 303"), "{entered}");
    assert!(entered.contains("location: /work\r\n"), "{entered}");
    assert!(entered.contains("HttpOnly; SameSite=Strict"), "{entered}");
    let elsewhere = get(address, &format!("//evil.example/?{query}"), "").await;
    assert!(!elsewhere.contains("location: //"), "{elsewhere}");

    let cookie = format!("Cookie: workpool_token_{}={token}\r\n", address.port());
    assert!(get(address, "/work", &cookie).await.starts_with("HTTP/1.1 200"));
    let bearer = format!("Authorization: Bearer {token}\r\n");
    assert!(get(address, "/work", &bearer).await.starts_with("HTTP/1.1 200"));
    assert!(get(address, "/metrics", &bearer).await.starts_with("HTTP/1.1 200"));
    let other = "Cookie: workpool_token_1=0000\r\n";
    assert!(get(address, "/work", other).await.starts_with("HTTP/1.1 401"));

    end.cancel();
    patiently("the server ends", running).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_live_page_does_not_hold_up_the_end_of_the_server() {
    let stage = Stage::new().await;
    let server = Dashboard::new(stage.workpool()).server().address(any_port());
    let server = server.token("a-token-of-mine.1").bind().await.unwrap();
    let (address, end) = (server.address(), CancellationToken::new());
    let running = tokio::spawn(server.run(end.clone().cancelled_owned()));
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = "GET / HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\
        Authorization: Bearer a-token-of-mine.1\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut first = [0; 1024];
    let read = patiently("the stream begins", stream.read(&mut first)).await.unwrap();
    assert!(String::from_utf8_lossy(&first[..read]).contains("text/event-stream"));
    end.cancel();
    patiently("the server ends", running).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_public_address_needs_a_token_of_ones_choice() {
    let stage = Stage::new().await;
    let public = SocketAddr::from(([0, 0, 0, 0], 0));
    let server = || Dashboard::new(stage.workpool()).server();
    let refused = server().address(public).bind().await.unwrap_err();
    assert!(refused.to_string().contains("choose a token"), "{refused}");
    for token in ["", "short", "sixteen chars and a space"] {
        assert!(server().address(public).token(token).bind().await.is_err(), "{token}");
    }
    let chosen = server().address(public).token("correct-horse-battery").bind().await.unwrap();
    assert!(chosen.url().ends_with("token=correct-horse-battery"));
    let loopback = server().address(SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], 0)));
    assert!(loopback.bind().await.is_ok());
}
