//! Actions: asked for, confirmed, done, recorded.

use uuid::Uuid;
use workpool_tests::{Scene, Stage, eventually};

use crate::browsing::Browser;
use crate::functions::{broken, failing, held, quick};

#[tokio::test]
async fn a_pool_is_paused_scaled_and_resumed() {
    let stage = Stage::new().await;
    let mut browser = Browser::of(&stage);
    let asked = browser.open("/act/pause?pool=mail").await;
    assert!(asked.text.contains("until it is resumed"));
    browser.confirm("/act/pause?pool=mail", "").await;
    let page = browser.confirm("/act/scale?pool=mail", "&limit=3").await;
    assert_eq!(page.location(), "/pool?name=mail&done=scaled%2E3");
    let row: Vec<(bool, i64)> =
        stage.rows("SELECT paused, max_parallelism FROM workpool.pools WHERE name = 'mail'").await;
    assert_eq!(row, [(true, 3)]);
    let shown = browser.open("/pool?name=mail&done=scaled%2E3").await;
    assert!(shown.text.contains("At most 3 at once now.") && shown.text.contains(">Resume<"));
    browser.confirm("/act/resume?pool=mail", "").await;
    assert!(!stage.value::<bool>("SELECT paused FROM workpool.pools WHERE name = 'mail'").await);
    for limit in ["&limit=-1", "&limit=4294967296", "&limit=many", ""] {
        let page = browser.confirm("/act/scale?pool=mail", limit).await;
        assert_eq!(page.status, 400, "{limit}");
    }
    let page = browser.confirm("/act/pause?pool=nowhere", "").await;
    assert_eq!(page.status, 404);
}

#[tokio::test]
async fn waiting_work_is_canceled_and_running_work_is_told() {
    let stage = Stage::new().await;
    let worker = stage.start().await;
    let running = held::enqueue(stage.workpool(), "gate".into()).await.unwrap();
    stage.gates.arrived("gate", 1).await;
    let hour = std::time::Duration::from_hours(1);
    let waiting = quick::enqueue(stage.workpool(), 1).run_after(hour).await.unwrap();
    let mut browser = Browser::of(&stage);
    let address = format!("/act/cancel?id={waiting}&id={running}");
    let page = browser.confirm(&address, "").await;
    assert_eq!(page.location(), "/work?done=canceled%2E1%2E1");
    let page = browser.confirm(&format!("/act/cancel?id={waiting}"), "").await;
    assert_eq!(page.location(), format!("/work/{waiting}?done=nothing"));
    stage.gates.open("gate");
    worker.shutdown().await;
}

#[tokio::test]
async fn work_that_failed_is_tried_again_once() {
    let stage = Stage::new().await;
    let id = failing::enqueue(stage.workpool(), "no route".into()).await.unwrap();
    stage.drain().await.assert_nothing_left();
    let mut browser = Browser::of(&stage);
    let address = format!("/act/retry?id={id}");
    let page = browser.confirm(&address, "").await;
    assert_eq!(page.location(), format!("/work/{id}?done=retried%2E1%2E0"));
    assert_eq!(stage.unfinished().await, 1);
    let page = browser.confirm(&address, "").await;
    assert_eq!(page.location(), format!("/work/{id}?done=retried%2E0%2E1"));
    assert_eq!(stage.unfinished().await, 1);
    let shown = browser.open(&format!("/work/{id}")).await;
    assert!(shown.text.contains("Tried again as"), "{}", shown.text);
}

#[tokio::test]
async fn scheduled_work_is_made_due() {
    let stage = Stage::new().await;
    let hour = std::time::Duration::from_hours(1);
    let id = quick::enqueue(stage.workpool(), 1).run_after(hour).await.unwrap();
    let mut browser = Browser::of(&stage);
    let page = browser.confirm(&format!("/act/run-now?id={id}"), "").await;
    assert_eq!(page.location(), format!("/work/{id}?done=due%2E1"));
    stage.drain().await.assert_nothing_left();
    assert_eq!(stage.unfinished().await, 0);
}

#[tokio::test]
async fn parked_callbacks_are_replayed() {
    let stage = Stage::new().await;
    let id = quick::enqueue(stage.workpool(), 1).on_complete::<broken>("c".into()).await.unwrap();
    let worker = stage.start().await;
    let parked = "SELECT count(*) FROM workpool.callbacks WHERE parked_at IS NOT NULL";
    eventually("the callback is parked", async || stage.value::<i64>(parked).await == 1).await;
    worker.shutdown().await;
    let mut browser = Browser::of(&stage);
    let shown = browser.open("/callbacks?state=parked").await;
    assert!(shown.text.contains("no such table") && shown.text.contains("Replay picked"));
    let page = browser.confirm(&format!("/act/replay?id={id}"), "").await;
    assert_eq!(page.location(), format!("/work/{id}?done=replayed%2E1"));
    assert_eq!(stage.value::<i64>(parked).await, 0);
}

#[tokio::test]
async fn all_that_a_filter_means_is_canceled_or_tried_again() {
    let stage = Stage::new().await;
    let scene = Scene::set(stage.workpool(), "mail & more").await;
    let mut browser = Browser::of(&stage);
    let asked = browser.open("/act/cancel-matching?pool=mail+%26+more&state=scheduled").await;
    assert!(asked.text.contains("mail &amp; more") && asked.text.contains("match now"));
    let page = browser.confirm("/act/cancel-matching?pool=mail+%26+more&state=scheduled", "").await;
    assert!(page.location().ends_with("done=canceled%2E1%2E0"), "{}", page.location());
    let left: Vec<(Uuid,)> = stage.rows("SELECT id FROM workpool.work ORDER BY id").await;
    assert!(!left.contains(&(scene.scheduled,)) && left.len() == 3, "{left:?}");
    let page = browser.confirm("/act/retry-matching?pool=mail+%26+more&state=failed", "").await;
    assert!(page.location().ends_with("done=retried%2E1%2E0"), "{}", page.location());
    let odd = browser.get("/act/cancel-matching?state=odd").await;
    assert_eq!(odd.status, 400);
}
