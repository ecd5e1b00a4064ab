//! What somebody could write into names, errors and arguments runs nowhere.

use thirtyfour::By;
use workpool::dashboard::Dashboard;
use workpool_tests::{Scene, Stage, encoded};

use crate::chrome::Chrome;
use crate::site::Site;

const HOSTILE: [&str; 3] = [
    "\"'><img src=x onerror=\"window.hit=1\"><script>window.hit=1;alert(1)</script>",
    "</script></title></bdi><svg onload=window.hit=1>{{constructor.constructor('window.hit=1')()}}",
    "javascript:window.hit=1;alert(1)//\u{202e}<iframe srcdoc=\"<script>parent.hit=1</script>\">",
];

/// A site where also whoever acts has such a name.
async fn hostile_site(stage: &Stage, text: &'static str) -> Site {
    let dashboard = Dashboard::new(stage.workpool()).show_unknown_arguments(true);
    Site::of(dashboard.actor(move |_| Some(text.to_owned()))).await
}

/// All pages that show something of a scene, and those that say what is wrong with an address.
fn pages(scene: &Scene) -> Vec<String> {
    let (pool, text) = (encoded(&scene.pool()), encoded(&scene.text));
    let mut pages: Vec<String> =
        ["", "/work", "/failures", "/callbacks", "/workers", "/doctor", "/audit"]
            .map(String::from)
            .into();
    for state in ["due", "scheduled", "retrying", "running", "succeeded", "failed", "canceled"] {
        pages.push(format!("/work?state={state}&pool={pool}"));
    }
    pages.extend(scene.items().map(|id| format!("/work/{id}")));
    pages.push(format!("/work?pool={text}&function={text}&name={text}&error={text}&older=1d"));
    pages.push(format!("/failures?pool={pool}&hours={text}"));
    pages.push(format!("/pool?name={pool}"));
    for field in ["state", "older", "after", "id", "done"] {
        pages.push(format!("/work?{field}={text}"));
    }
    pages.push(format!("/callbacks?state={text}"));
    pages.push(format!("/callbacks?after={text}"));
    pages.push(format!("/pool?name={text}nowhere&done={text}"));
    pages.push(format!("/work/{text}"));
    pages.push(format!("/act/{text}?pool={text}"));
    for verb in ["pause", "resume", "scale"] {
        pages.push(format!("/act/{verb}?pool={pool}"));
        pages.push(format!("/act/{verb}?pool={text}nowhere"));
    }
    for verb in ["cancel-matching", "retry-matching"] {
        pages.push(format!("/act/{verb}?pool={pool}&function={text}&name={text}&error={text}"));
    }
    pages
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_is_shown_runs() {
    let stage = Stage::new().await;
    for text in HOSTILE {
        let site = hostile_site(&stage, text).await;
        let chrome = Chrome::start(&site.origin).await;
        let scene = Scene::set(stage.workpool(), text).await;
        for path in pages(&scene) {
            chrome.open(&format!("/jobs{path}")).await;
            chrome
                .until(
                    "it is live, if it is to be",
                    "return !document.querySelector('[data-live]')
                        || document.getElementById('live').textContent === 'live'",
                )
                .await;
            nothing_ran(&chrome, &path).await;
        }
        // By the links of the pages themselves, up to the name of who acted.
        chrome.open("/jobs").await;
        chrome.click("#pools tbody tr:last-child a.name").await;
        chrome.shows("Who holds its slots").await;
        chrome.click("#pool-head a[data-confirm]").await;
        chrome.until("it asks", "return !!document.querySelector('dialog[open] #confirm')").await;
        nothing_ran(&chrome, "the dialog").await;
        chrome.click("dialog form button").await;
        chrome.until("it is done", "return !!document.querySelector('.notice')").await;
        nothing_ran(&chrome, "the notice").await;
        chrome.open("/jobs/audit").await;
        nothing_ran(&chrome, "the record").await;
        chrome.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_arrives_live_runs() {
    let stage = Stage::new().await;
    for text in HOSTILE {
        let site = hostile_site(&stage, text).await;
        let chrome = Chrome::start(&site.origin).await;
        let pages = ["", "/work", "/failures", "/callbacks", "/workers", "/audit"];
        for (path, mark) in pages.into_iter().zip('b'..) {
            chrome.open(&format!("/jobs{path}")).await;
            // Letters: what has digits is taken together among failures.
            let mark = format!("arrived{mark}");
            Scene::set(stage.workpool(), &format!("{mark} {text}")).await;
            chrome.shows(&mark).await;
            nothing_ran(&chrome, path).await;
        }
        let scene = Scene::set(stage.workpool(), text).await;
        chrome.open(&format!("/jobs/work/{}", scene.failed)).await;
        let change = format!(
            "UPDATE workpool.finished SET name = 'arrivedx ' || left(name, 100), errors = errors || errors WHERE id = '{}'",
            scene.failed
        );
        stage.execute(&change).await;
        chrome.shows("arrivedx").await;
        nothing_ran(&chrome, "an item").await;
        chrome.stop().await;
    }
}

async fn nothing_ran(chrome: &Chrome, page: &str) {
    let hit: bool = chrome.says("return 'hit' in window").await;
    assert!(!hit, "{page}");
    assert!(chrome.page.get_alert_text().await.is_err(), "{page} has raised a dialog");
    let odd = "body :is(script, img, iframe, object, embed, style, link), body [onload], body [onerror], svg[onload], a[href^='javascript:']";
    let odd = chrome.page.find_all(By::Css(odd)).await.unwrap();
    assert!(odd.is_empty(), "{page} has {} of what must not be there", odd.len());
    chrome.was_quiet(page).await;
}
