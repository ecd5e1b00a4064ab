//! What somebody does to work items is seen live by whoever looks at a list of them.

use std::time::Duration;

use workpool_tests::{Stage, eventually};

use crate::acting::{confirm, is_marked, mark};
use crate::chrome::Chrome;
use crate::functions::{broken, failing, quick};
use crate::site::Site;

const LATER: Duration = Duration::from_hours(1);

/// The state that a list shows of an item.
fn state(id: &str, word: &str) -> String {
    format!(
        "return document.querySelector('#items a[href$=\"{id}\"]')?.closest('tr').innerText.includes('{word}')"
    )
}

fn is_gone(id: &str) -> String {
    format!("return !document.querySelector('#items a[href$=\"{id}\"]')")
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_work_is_made_due_and_canceled_and_others_see_it_live() {
    let stage = Stage::new().await;
    let site = Site::with(&stage).await;
    let id = quick::enqueue(stage.workpool(), 1).run_after(LATER).await.unwrap().to_string();
    let chrome = Chrome::start(&site.origin).await;
    let other = Chrome::start(&site.origin).await;
    other.open("/jobs/work?pool=mail").await;
    mark(&other).await;
    other.until("it is scheduled", &state(&id, "scheduled")).await;

    chrome.open(&format!("/jobs/work/{id}")).await;
    chrome.click("a[href*='/act/run-now']").await;
    confirm(&chrome).await;
    chrome.shows("1 item made due now.").await;
    other.until("it is due", &state(&id, "due")).await;

    chrome.click("a[href*='/act/cancel']").await;
    confirm(&chrome).await;
    chrome.shows("Canceled 1 item.").await;
    other.until("it is gone from what waits", &is_gone(&id)).await;
    is_marked(&other).await;
    other.was_quiet("list").await;
    chrome.was_quiet("item").await;
    other.stop().await;
    chrome.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_work_is_tried_again_one_and_all_and_others_see_it_live() {
    let stage = Stage::new().await;
    let site = Site::with(&stage).await;
    let mut ids = Vec::new();
    for n in 0..3 {
        let id = failing::enqueue(stage.workpool(), format!("no route to {n}")).await.unwrap();
        ids.push(id.to_string());
    }
    stage.drain().await.assert_nothing_left();
    let chrome = Chrome::start(&site.origin).await;
    let other = Chrome::start(&site.origin).await;
    other.open("/jobs/work?state=failed").await;
    mark(&other).await;

    chrome.open(&format!("/jobs/work/{}", ids[0])).await;
    chrome.click("a[href*='/act/retry']").await;
    confirm(&chrome).await;
    chrome.shows("1 item tried again.").await;
    other.until("one was retried", &state(&ids[0], "retried")).await;
    let again: bool = other.says(&state(&ids[1], "retried")).await;
    assert!(!again, "the others were not");

    chrome.open("/jobs/work?state=failed").await;
    chrome.click("a[href*='/act/retry-matching']").await;
    confirm(&chrome).await;
    chrome.shows("2 items tried again; 1 item had been tried again before.").await;
    for id in &ids {
        other.until("it was retried", &state(id, "retried")).await;
    }
    is_marked(&other).await;
    assert_eq!(stage.unfinished().await, 3, "each once");
    other.was_quiet("list").await;
    other.stop().await;
    chrome.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_matches_a_filter_is_canceled_at_once_and_others_see_it_live() {
    let stage = Stage::new().await;
    let site = Site::with(&stage).await;
    let add = async |name: &str| {
        let work = quick::enqueue(stage.workpool(), 1).run_after(LATER).name(name);
        work.await.unwrap().to_string()
    };
    let bad = [add("wrong address").await, add("wrong address").await];
    let good = add("newsletter").await;
    let chrome = Chrome::start(&site.origin).await;
    let other = Chrome::start(&site.origin).await;
    other.open("/jobs/work?pool=mail").await;
    mark(&other).await;
    for id in bad.iter().chain([&good]) {
        other.until("it is scheduled", &state(id, "scheduled")).await;
    }

    chrome.open("/jobs/work?pool=mail&state=scheduled&name=wrong+address").await;
    chrome.click("a[href*='/act/cancel-matching']").await;
    confirm(&chrome).await;
    chrome.shows("Canceled 2 items.").await;
    for id in &bad {
        other.until("it is gone from what waits", &is_gone(id)).await;
    }
    assert!(other.says::<bool>(&state(&good, "scheduled")).await, "the other is not");
    is_marked(&other).await;
    assert_eq!(stage.unfinished().await, 1);
    other.was_quiet("list").await;
    chrome.was_quiet("filter").await;
    other.stop().await;
    chrome.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parked_callback_is_replayed_and_others_see_it_live() {
    let stage = Stage::new().await;
    let site = Site::with(&stage).await;
    let id = quick::enqueue(stage.workpool(), 1).on_complete::<broken>("c".into()).await.unwrap();
    let worker = stage.start().await;
    let parked = "SELECT count(*) FROM workpool.callbacks WHERE parked_at IS NOT NULL";
    eventually("it is parked", async || stage.value::<i64>(parked).await == 1).await;
    worker.shutdown().await;
    let chrome = Chrome::start(&site.origin).await;
    let other = Chrome::start(&site.origin).await;
    other.open("/jobs/callbacks").await;
    mark(&other).await;
    let shows = |word: &str| {
        format!("return document.querySelector('#callbacks td .badge')?.innerText === '{word}'")
    };
    other.until("it is parked", &shows("parked")).await;
    chrome.open(&format!("/jobs/work/{id}")).await;
    chrome.click("a[href*='/act/replay']").await;
    confirm(&chrome).await;
    chrome.shows("1 callback is due again.").await;
    other.until("it is due", &shows("due")).await;
    is_marked(&other).await;
    other.stop().await;
    chrome.stop().await;
}
