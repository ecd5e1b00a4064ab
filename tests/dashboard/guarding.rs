//! What a browser is told, and what is refused.

use axum::http::StatusCode;
use workpool::dashboard::Dashboard;
use workpool_tests::{Scene, Stage};

use crate::browsing::Browser;

type Headers<'a> = &'a [(&'a str, &'a str)];

#[tokio::test]
async fn every_answer_forbids_what_is_not_from_here() {
    let stage = Stage::new().await;
    let mut browser = Browser::of(&stage);
    for address in
        ["/", "/style.css", "/live.js", "/nowhere", "/act/pause?pool=mail", "/work?state=odd"]
    {
        let page = browser.get(address).await;
        let policy = page.header("content-security-policy");
        for rule in [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "frame-ancestors 'none'",
            "form-action 'self'",
            "connect-src 'self'",
            "base-uri 'none'",
        ] {
            assert!(policy.contains(rule), "{address}: {policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
        assert_eq!(page.header("x-content-type-options"), "nosniff", "{address}");
        assert_eq!(page.header("x-frame-options"), "DENY", "{address}");
        assert_eq!(page.header("referrer-policy"), "same-origin", "{address}");
    }
    assert_eq!(browser.get("/").await.header("cache-control"), "no-store");
    assert!(browser.get("/live.js").await.header("cache-control").contains("immutable"));
}

#[tokio::test]
async fn the_token_is_in_a_cookie_that_no_script_can_read() {
    let stage = Stage::new().await;
    let page = Browser::of(&stage).open("/act/pause?pool=mail").await;
    let cookie = page.header("set-cookie");
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
    assert!(cookie.contains("Path=/;") && !cookie.contains("Secure"), "{cookie}");
    assert!(cookie.contains(page.token()) && page.token().len() == 64);
}

async fn is_paused(stage: &Stage) -> bool {
    stage.value("SELECT paused FROM workpool.pools WHERE name = 'mail'").await
}

#[tokio::test]
async fn posts_from_elsewhere_and_without_the_token_change_nothing() {
    let stage = Stage::new().await;
    let mut browser = Browser::of(&stage);
    let token = browser.open("/act/pause?pool=mail").await.token().to_owned();
    let good = format!("pool=mail&token={token}");
    let host = "http://jobs.example";
    let cases: [(&str, &str, Headers); 9] = [
        ("cross-site", &good, &[("sec-fetch-site", "cross-site")]),
        ("same-site", &good, &[("sec-fetch-site", "same-site"), ("origin", host)]),
        ("typed", &good, &[("sec-fetch-site", "none")]),
        ("foreign origin", &good, &[("origin", "https://evil.example")]),
        ("opaque origin", &good, &[("origin", "null")]),
        ("other port", &good, &[("origin", "http://jobs.example:8080")]),
        ("no token", "pool=mail", &[("origin", host)]),
        ("empty token", "pool=mail&token=", &[("sec-fetch-site", "same-origin")]),
        ("wrong token", &format!("pool=mail&token={}", "0".repeat(64)), &[("origin", host)]),
    ];
    for (what, form, headers) in cases {
        let page = browser.post_from("/act/pause", form, headers).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{what}");
        assert!(!is_paused(&stage).await, "{what}");
    }
    // The token without the cookie that it is bound to.
    let page = Browser::of(&stage).post("/act/pause", &good).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(!is_paused(&stage).await);

    let page = browser.post("/act/pause", &good).await;
    assert_eq!(page.location(), "/pool?name=mail&done=paused");
    assert!(is_paused(&stage).await);
}

#[tokio::test]
async fn no_get_acts_and_no_other_method_is_known() {
    let stage = Stage::new().await;
    let mut browser = Browser::of(&stage);
    let token = browser.open("/act/pause?pool=mail").await.token().to_owned();
    browser.open(&format!("/act/pause?pool=mail&token={token}")).await;
    assert!(!is_paused(&stage).await);
    assert_eq!(browser.post("/", "").await.status, StatusCode::NOT_FOUND);
    assert_eq!(browser.post("/act/explode", &format!("token={token}")).await.status, 404);
}

#[tokio::test]
async fn a_form_is_small_and_a_form() {
    let stage = Stage::new().await;
    let mut browser = Browser::of(&stage);
    let token = browser.open("/act/pause?pool=mail").await.token().to_owned();
    let large = format!("token={token}&pool={}", "x".repeat(100_000));
    assert_eq!(browser.post("/act/pause", &large).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    let many = format!("token={token}{}", format!("&id={}", uuid::Uuid::nil()).repeat(101));
    assert_eq!(browser.post("/act/cancel", &many).await.status, StatusCode::BAD_REQUEST);
    let json = [("content-type", "application/json"), ("sec-fetch-site", "same-origin")];
    let page = browser.post_from("/act/pause", "{}", &json).await;
    assert!(page.status.is_client_error(), "{}", page.status);
}

#[tokio::test]
async fn read_only_shows_no_actions_and_refuses_them() {
    let stage = Stage::new().await;
    let scene = Scene::set(stage.workpool(), "mail-too").await;
    let mut browser = Browser::new(Dashboard::new(stage.workpool()).read_only(true).router());
    let item = format!("/work/{}", scene.failed);
    for address in [
        "/",
        "/pool?name=mail-too",
        "/work",
        "/work?state=failed",
        "/callbacks",
        "/failures",
        &item,
    ] {
        let page = browser.open(address).await;
        assert!(!page.text.contains("/act/"), "{address} has actions");
        assert!(page.text.contains("read-only"), "{address} says so");
    }
    assert_eq!(browser.get("/act/pause?pool=mail").await.status, StatusCode::FORBIDDEN);
    // With a token that another dashboard would take.
    let token = "0".repeat(64);
    let page = browser
        .post_from(
            "/act/pause",
            &format!("pool=mail&token={token}"),
            &[("cookie", &format!("workpool_form={token}")), ("sec-fetch-site", "same-origin")],
        )
        .await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(page.text.contains("only shows") && !is_paused(&stage).await);
}

#[tokio::test]
async fn an_address_can_put_no_words_of_its_own_on_a_page() {
    let stage = Stage::new().await;
    let mut browser = Browser::of(&stage);
    for done in ["hacked", "paused+now", "canceled.1.x", "%3Cb%3E"] {
        let page = browser.open(&format!("/?done={done}")).await;
        assert!(!page.text.contains("class=\"notice\""), "{done}");
    }
    assert!(browser.open("/?done=canceled.3.0").await.text.contains("Canceled 3 items."));
}
