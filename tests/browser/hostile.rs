//! What somebody could write into names, errors and arguments runs nowhere.

use workpool_tests::{Scene, Stage};

use crate::chrome::Chrome;
use crate::site::Site;

const HOSTILE: [&str; 3] = [
    "\"'><img src=x onerror=\"window.hit=1\"><script>window.hit=1;alert(1)</script>",
    "</script></title></bdi><svg onload=window.hit=1>{{constructor.constructor('window.hit=1')()}}",
    "javascript:window.hit=1;alert(1)//\u{202e}<iframe srcdoc=\"<script>parent.hit=1</script>\">",
];

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_is_shown_runs() {
    let stage = Stage::new().await;
    let site = Site::with(&stage).await;
    let chrome = Chrome::start(&site.origin).await;
    for text in HOSTILE {
        let scene = Scene::set(stage.workpool(), text).await;
        let mut pages: Vec<String> = ["", "/work", "/failures", "/callbacks", "/workers", "/audit"]
            .map(|path| format!("/jobs{path}"))
            .into();
        for state in ["running", "succeeded", "failed", "canceled"] {
            pages.push(format!("/jobs/work?state={state}"));
        }
        pages.extend(scene.items().map(|id| format!("/jobs/work/{id}")));
        for path in pages {
            chrome.open(&path).await;
            // Once as a document, and once as what comes by the stream.
            chrome
                .until(
                    "it is live",
                    "return document.getElementById('live').textContent === 'live'",
                )
                .await;
            nothing_ran(&chrome, &path).await;
        }
        // By the links of the pages themselves.
        chrome.open("/jobs").await;
        chrome.click("#pools tbody tr:last-child a.name").await;
        chrome.shows("Who holds its slots").await;
        nothing_ran(&chrome, "the page of the pool").await;
        chrome.click(".head a[data-confirm]").await;
        chrome.until("it asks", "return !!document.querySelector('dialog[open] #confirm')").await;
        nothing_ran(&chrome, "the dialog").await;
    }
    chrome.stop().await;
}

async fn nothing_ran(chrome: &Chrome, page: &str) {
    let hit: bool = chrome.says("return 'hit' in window").await;
    assert!(!hit, "{page}");
    assert!(chrome.page.get_alert_text().await.is_err(), "{page} has raised a dialog");
    let odd: u32 = chrome
        .says("return document.querySelectorAll('main :is(script, img, iframe, object, embed, style, link)').length")
        .await;
    assert_eq!(odd, 0, "{page}");
    chrome.was_quiet(page).await;
}
