//! Acting in the browser, and seeing what came of it without a reload.

use serde_json::json;
use workpool_tests::{Stage, eventually};

use crate::chrome::Chrome;
use crate::functions::{broken, failing, held, quick};
use crate::site::Site;

pub(crate) const IS_LIVE: &str = "return document.getElementById('live').textContent === 'live'";

/// Says yes in the dialog.
pub(crate) async fn confirm(chrome: &Chrome) {
    chrome.until("it asks", "return !!document.querySelector('dialog[open] form')").await;
    chrome.click("dialog form button").await;
}

/// Leaves a mark on the page, which a reload would take away.
pub(crate) async fn mark(chrome: &Chrome) {
    chrome.until("it is live", IS_LIVE).await;
    let _: bool = chrome.says("return window.mark = true").await;
}

pub(crate) async fn is_marked(chrome: &Chrome) {
    assert!(chrome.says::<bool>("return window.mark === true").await, "the page was loaded anew");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_is_paused_scaled_and_resumed_and_others_see_it_live() {
    let stage = Stage::new().await;
    let site = Site::with(&stage).await;
    let chrome = Chrome::start(&site.origin).await;
    let other = Chrome::start(&site.origin).await;
    other.open("/jobs").await;
    mark(&other).await;

    chrome.open("/jobs/pool?name=mail").await;
    chrome.click("a[href*='/act/pause']").await;
    confirm(&chrome).await;
    chrome.shows("Paused: nothing starts until it is resumed.").await;
    other.shows("somebody paused it").await;

    chrome.click("a[href*='/act/scale']").await;
    chrome
        .until("it asks", "return !!document.querySelector('dialog[open] input[type=number]')")
        .await;
    let limit = chrome.page.find(thirtyfour::By::Css("dialog input[type=number]")).await.unwrap();
    limit.clear().await.unwrap();
    limit.send_keys("37").await.unwrap();
    confirm(&chrome).await;
    chrome.shows("At most 37 at once now.").await;
    other.shows("0 / 37").await;

    chrome.click("a[href*='/act/resume']").await;
    confirm(&chrome).await;
    chrome.shows("Resumed.").await;
    other
        .until("it is well again", "return !document.body.innerText.includes('somebody paused it')")
        .await;
    is_marked(&other).await;
    other.was_quiet("overview").await;
    chrome.was_quiet("pool").await;
    let recorded: i64 = stage.value("SELECT count(*) FROM workpool.audit").await;
    assert_eq!(recorded, 3);
    other.stop().await;
    chrome.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn running_work_is_watched_and_canceled() {
    let stage = Stage::new().await;
    let site = Site::with(&stage).await;
    let chrome = Chrome::start(&site.origin).await;
    let worker = stage.start().await;
    let id = held::enqueue(stage.workpool(), "gate".into()).await.unwrap();
    chrome.open(&format!("/jobs/work/{id}")).await;
    chrome.shows("It runs").await;
    chrome.click("a[href*='/act/cancel']").await;
    confirm(&chrome).await;
    chrome.shows("Asked 1 item to stop").await;
    chrome.shows("canceling").await;
    mark(&chrome).await;
    stage.gates.open("gate");
    chrome
        .until(
            "its end is seen",
            "return document.querySelector('#item-head').innerText.includes('succeeded')",
        )
        .await;
    is_marked(&chrome).await;
    worker.shutdown().await;
    chrome.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_work_is_tried_again_and_parked_callbacks_are_replayed() {
    let stage = Stage::new().await;
    let site = Site::with(&stage).await;
    let failed = failing::enqueue(stage.workpool(), "no route to 10.0.0.7".into()).await.unwrap();
    let done = quick::enqueue(stage.workpool(), 1).on_complete::<broken>("c".into()).await.unwrap();
    let worker = stage.start().await;
    let settled = "SELECT (SELECT count(*) FROM workpool.callbacks WHERE parked_at IS NOT NULL)
        + (SELECT count(*) FROM workpool.finished WHERE outcome = 1)";
    eventually("both have ended", async || stage.value::<i64>(settled).await == 2).await;
    worker.shutdown().await;

    let chrome = Chrome::start(&site.origin).await;
    chrome.open("/jobs/failures").await;
    chrome.shows("no route to").await;
    chrome.click("#groups td.actions a").await;
    confirm(&chrome).await;
    chrome.shows("1 item tried again.").await;
    chrome.open(&format!("/jobs/work/{failed}")).await;
    chrome.shows("Tried again as").await;

    chrome.open("/jobs/callbacks").await;
    chrome.until("it is live", IS_LIVE).await;
    chrome.click(&format!("#pick-{done}")).await;
    // Of those that are picked, also after the page has been renewed under them.
    chrome.click("#picked div.actions button").await;
    chrome.shows("become due, with fresh attempts").await;
    chrome.click("#confirm button").await;
    chrome.shows("1 callback is due again.").await;
    chrome.was_quiet("replay").await;
    chrome.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_it_works_without_script() {
    let stage = Stage::new().await;
    let site = Site::with(&stage).await;
    let chrome = Chrome::start(&site.origin).await;
    chrome.tell("Emulation.setScriptExecutionDisabled", json!({ "value": true })).await;
    chrome.open("/jobs").await;
    chrome.click("#pools a.name").await;
    chrome.click(".head a[href*='/act/pause']").await;
    chrome.click("#confirm form button").await;
    eventually("the notice is there", async || {
        let Ok(notice) = chrome.page.find(thirtyfour::By::Css(".notice")).await else {
            return false;
        };
        notice.text().await.is_ok_and(|text| text.starts_with("Paused"))
    })
    .await;
    let paused: i64 = stage.value("SELECT count(*) FROM workpool.pools WHERE paused").await;
    assert_eq!(paused, 1);
    chrome.was_quiet("without script").await;
    chrome.stop().await;
}
