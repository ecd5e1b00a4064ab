//! Each page is loaded, light, dark, where there is just room for tables, and on a phone, and
//! photographed.

use workpool_tests::Stage;

use crate::chrome::Chrome;
use crate::day::{self, Day};
use crate::site::{Site, screenshot};

/// Colours and sizes of the window.
pub(crate) const LOOKS: [(&str, u32, u32); 4] =
    [("light", 1200, 930), ("dark", 1200, 930), ("narrow", 965, 1180), ("phone", 390, 844)];

/// Pages by the name of their picture.
pub(crate) fn pages(day: &Day) -> Vec<(&'static str, String)> {
    let pages = [
        ("overview", "/jobs".to_owned()),
        ("pool", "/jobs/pool?name=billing".to_owned()),
        ("work", "/jobs/work?pool=billing&state=failed&error=declined".to_owned()),
        ("item-failed", format!("/jobs/work/{}", day.failed)),
        ("item-running", format!("/jobs/work/{}", day.running)),
        ("item-retrying", format!("/jobs/work/{}", day.retrying)),
        ("failures", "/jobs/failures".to_owned()),
        ("callbacks", "/jobs/callbacks".to_owned()),
        ("workers", "/jobs/workers".to_owned()),
        ("doctor", "/jobs/doctor".to_owned()),
        ("audit", "/jobs/audit".to_owned()),
        ("confirm", "/jobs/act/scale?pool=email".to_owned()),
        ("confirm-all", "/jobs/act/retry-matching?pool=billing&state=failed".to_owned()),
    ];
    pages.into()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_readable_in_light_and_dark_and_on_a_phone() {
    let stage = Stage::new().await;
    let day = day::begin(&stage).await;
    let site = Site::with(&stage).await;
    let chrome = Chrome::start(&site.origin).await;
    for (look, width, height) in LOOKS {
        chrome.size(width, height).await;
        chrome.dark(look == "dark").await;
        for (name, path) in pages(&day) {
            chrome.open(&path).await;
            if !name.starts_with("confirm") {
                chrome
                    .until(
                        "it is live",
                        "return document.getElementById('live').textContent === 'live'",
                    )
                    .await;
            }
            let wide: f64 = chrome
                .says("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
                .await;
            assert!(wide <= 0.0, "{name} is {wide} pixels too wide: {look}");
            let kept = look == "light" || look != "narrow" && ["overview", "work"].contains(&name);
            chrome.page.screenshot(&screenshot(&format!("{name}-{look}"), kept)).await.unwrap();
            chrome.was_quiet(name).await;
        }
    }
    chrome.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keyboard_reaches_everything() {
    let stage = Stage::new().await;
    day::begin(&stage).await;
    let site = Site::with(&stage).await;
    let chrome = Chrome::start(&site.origin).await;
    chrome.open("/jobs").await;
    let body = chrome.page.find(thirtyfour::By::Tag("body")).await.unwrap();
    body.send_keys("\u{e004}").await.unwrap();
    let first: String = chrome.says("return document.activeElement.textContent").await;
    assert_eq!(first, "Skip to the content");
    body.send_keys("gw").await.unwrap();
    chrome.until("`g w` leads to the work", "return location.pathname === '/jobs/work'").await;
    let body = chrome.page.find(thirtyfour::By::Tag("body")).await.unwrap();
    body.send_keys("/").await.unwrap();
    chrome.until("`/` leads to the filter", "return document.activeElement.name === 'pool'").await;
    chrome.stop().await;
}
