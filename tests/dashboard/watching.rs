//! Live pages: the same address as a stream.

use std::pin::pin;

use axum::body::{Body, BodyDataStream};
use axum::http::Request;
use futures_util::StreamExt;
use workpool_tests::{Scene, Stage, patiently};

use crate::browsing::Browser;

/// The stream of a page.
async fn follow(browser: &mut Browser, address: &str) -> BodyDataStream {
    let request = Request::get(address).header("accept", "text/event-stream");
    let response = browser.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(response.status(), 200, "{address}");
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    response.into_body().into_data_stream()
}

/// Reads until an event has this text.
async fn shows(stream: &mut BodyDataStream, text: &str) -> String {
    let mut stream = pin!(stream);
    let read = async {
        let mut all = String::new();
        loop {
            let part = stream.next().await.expect("the stream goes on").unwrap();
            all.push_str(&String::from_utf8_lossy(&part));
            if all.contains(text) {
                return all;
            }
        }
    };
    patiently(&format!("`{text}` in the stream"), read).await
}

#[tokio::test]
async fn a_change_arrives_without_asking_again() {
    let stage = Stage::new().await;
    let mut browser = Browser::of(&stage);
    let mut overview = follow(&mut browser, "/").await;
    let mut pool = follow(&mut browser, "/pool?name=mail").await;
    shows(&mut overview, "The only pool does").await;
    shows(&mut pool, ">Pause<").await;
    browser.confirm("/act/pause?pool=mail", "").await;
    shows(&mut overview, "somebody paused it").await;
    shows(&mut pool, ">Resume<").await;
}

#[tokio::test]
async fn who_looks_at_the_same_page_shares_one_reader() {
    let stage = Stage::new().await;
    let mut browser = Browser::of(&stage);
    let mut streams = Vec::new();
    for _ in 0..150 {
        streams.push(follow(&mut browser, "/work").await);
    }
    for stream in &mut streams {
        shows(stream, "id=\"items\"").await;
    }
    // Different pages are bounded; what nobody looks at any more is forgotten.
    let mut others = Vec::new();
    for n in 0..99 {
        others.push(follow(&mut browser, &format!("/work?name={n}")).await);
    }
    let request = Request::get("/work?name=one-more").header("accept", "text/event-stream");
    let refused = browser.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(refused.status(), 503);
    drop((streams, others));
    workpool_tests::eventually("there is room again", async || {
        let request = Request::get("/work?name=again").header("accept", "text/event-stream");
        browser.send(request.body(Body::empty()).unwrap()).await.status() == 200
    })
    .await;
}

#[tokio::test]
async fn lines_of_a_hostile_text_stay_within_their_event() {
    let stage = Stage::new().await;
    let scene = Scene::set(stage.workpool(), "a\rdata: b\r\n\r\nevent: trouble\ndata: c").await;
    let mut browser = Browser::of(&stage);
    let mut item = follow(&mut browser, &format!("/work/{}", scene.failed)).await;
    let all = shows(&mut item, "</section>").await;
    assert!(!all.contains("\nevent: trouble") && !all.contains('\r'), "{all}");
}

#[tokio::test]
async fn a_database_that_does_not_answer_is_said() {
    let stage = Stage::new().await;
    let mut browser = Browser::of(&stage);
    let mut overview = follow(&mut browser, "/").await;
    shows(&mut overview, "The only pool does").await;
    stage.execute("ALTER TABLE workpool.pools RENAME TO gone").await;
    shows(&mut overview, "event: trouble").await;
    assert_eq!(browser.get("/").await.status, 503);
    stage.execute("ALTER TABLE workpool.gone RENAME TO pools").await;
    shows(&mut overview, "The only pool does").await;
}
