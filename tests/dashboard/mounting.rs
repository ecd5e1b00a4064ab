//! The dashboard inside an application: under a prefix, behind its authentication.

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use workpool::dashboard::Dashboard;
use workpool_tests::Stage;

use crate::browsing::Browser;

/// Every address in a page begins with this.
fn assert_all_below(text: &str, base: &str) {
    for attribute in ["href=\"", "src=\"", "action=\"", "formaction=\""] {
        for rest in text.split(attribute).skip(1) {
            let address = rest.split('"').next().unwrap();
            let fine =
                address.starts_with(base) || address == "#main" || address.starts_with("data:");
            assert!(fine, "{address} is not below {base}");
        }
    }
}

#[tokio::test]
async fn links_lead_to_where_it_is_nested() {
    let stage = Stage::new().await;
    let nest = |path: &str| {
        let inner = Router::new().nest(path, Dashboard::new(stage.workpool()).router());
        Browser::new(Router::new().nest("/admin", inner))
    };
    let mut browser = nest("/jobs");
    for address in [
        "/admin/jobs",
        "/admin/jobs/work",
        "/admin/jobs/pool?name=mail",
        "/admin/jobs/act/scale?pool=mail",
    ] {
        let page = browser.open(address).await;
        assert_all_below(&page.text, "/admin/jobs");
    }
    browser.open("/admin/jobs/style.css").await;
    let page = browser.confirm("/admin/jobs/act/pause?pool=mail", "").await;
    assert_eq!(page.location(), "/admin/jobs/pool?name=mail&done=paused");
    let missing = browser.get("/admin/jobs/nowhere").await;
    assert_eq!(missing.status, 404);
    assert_all_below(&missing.text, "/admin/jobs");
}

#[tokio::test]
async fn a_proxy_that_cuts_off_a_path_can_be_told() {
    let stage = Stage::new().await;
    let router = Dashboard::new(stage.workpool()).base_path("/ops/jobs/").router();
    let mut browser = Browser::new(router);
    let page = browser.open("/work").await;
    assert_all_below(&page.text, "/ops/jobs/");
    let cookie = browser.clone().open("/").await;
    assert!(cookie.headers.get("set-cookie").is_none(), "the cookie is there already");
    assert!(page.header("set-cookie").contains("Path=/ops/jobs;"));
}

#[derive(Clone)]
struct User(&'static str);

#[tokio::test]
async fn who_acts_is_recorded_as_the_application_says() {
    let stage = Stage::new().await;
    let dashboard = Dashboard::new(stage.workpool())
        .actor(|request| request.extensions.get::<User>().map(|user| user.0.to_owned()));
    let login = from_fn(async |mut request: Request, next: Next| -> Response {
        request.extensions_mut().insert(User("ada <ops>"));
        next.run(request).await
    });
    let mut browser = Browser::new(Router::new().nest("/jobs", dashboard.router()).layer(login));
    browser.confirm("/jobs/act/scale?pool=mail", "&limit=7").await;
    let rows: Vec<(String, String, String)> =
        stage.rows("SELECT who, action, target FROM workpool.audit").await;
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!((&*rows[0].0, &*rows[0].2), ("ada <ops>", "mail"));
    let audit = browser.open("/jobs/audit").await;
    assert!(audit.text.contains("ada &lt;ops&gt;"), "{}", audit.text);
}
