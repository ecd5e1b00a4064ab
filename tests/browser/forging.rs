//! A page on another site tries to act in the name of whoever is at the dashboard.

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use tokio_util::sync::CancellationToken;
use workpool::dashboard::Dashboard;
use workpool_tests::Stage;

use crate::chrome::Chrome;
use crate::site::Site;

#[tokio::test(flavor = "multi_thread")]
async fn posts_and_frames_from_another_site_are_refused() {
    let stage = Stage::new().await;
    let site = Site::with(&stage).await;
    let chrome = Chrome::start(&site.origin).await;
    chrome.open("/jobs/act/pause?pool=mail").await;
    let token: String = chrome.says("return document.querySelector('[name=token]').value").await;

    // Even one that knows the token: the cookie alone would not help it.
    let page = format!(
        "<form method=post action='{0}/jobs/act/pause'><input name=pool value=mail>
        <input name=token value={token}><button>win</button></form><iframe src='{0}/jobs'></iframe>",
        site.origin
    );
    let other = Router::new().route("/", get(async move || Html(page)));
    let elsewhere = Site::serve("localhost", other, CancellationToken::new()).await;
    chrome.page.goto(&elsewhere.origin).await.unwrap();
    let frame: String = chrome
        .says("try { return String(frames[0].document.body.innerText) } catch { return '' }")
        .await;
    assert!(!frame.contains("Pools"), "{frame}");
    chrome.click("button").await;
    chrome.shows("This did not come from a page of the dashboard.").await;
    let paused: i64 = stage.value("SELECT count(*) FROM workpool.pools WHERE paused").await;
    assert_eq!(paused, 0);
    chrome.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_lets_in_whoever_opens_its_address() {
    let stage = Stage::new().await;
    let end = CancellationToken::new();
    let server = Dashboard::new(stage.workpool()).server();
    let server = server.address(([127, 0, 0, 1], 0).into()).bind().await.unwrap();
    let (origin, url) = (format!("http://{}", server.address()), server.url());
    let running = tokio::spawn(server.run(end.clone().cancelled_owned()));
    let chrome = Chrome::start(&origin).await;
    chrome.open("/work").await;
    chrome.shows("Token needed").await;
    chrome.page.goto(&url).await.unwrap();
    chrome.shows("Pools").await;
    let address: String = chrome.says("return location.href").await;
    assert!(!address.contains("token"), "{address}");
    let cookies: String = chrome.says("return document.cookie").await;
    assert_eq!(cookies, "", "no script can read them");
    chrome.click("a[href*='/act/pause']").await;
    chrome.until("it asks", "return !!document.querySelector('dialog[open] form')").await;
    chrome.click("dialog form button").await;
    chrome.shows("Paused: nothing starts").await;
    chrome.stop().await;
    end.cancel();
    workpool_tests::patiently("the server ends", running).await.unwrap().unwrap();
}
