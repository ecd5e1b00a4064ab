//! Every page shows what there is, and nothing of it as markup.

use workpool_tests::{Scene, Stage, encoded};

use crate::browsing::Browser;
use crate::functions::{Payment, heard, pay, whisper};

/// The addresses of all pages about a scene.
fn pages(scene: &Scene) -> Vec<String> {
    let mut pages: Vec<String> =
        ["/", "/work", "/failures", "/callbacks", "/workers", "/doctor", "/audit"]
            .map(String::from)
            .into();
    let text: String = scene.text.chars().take(300).collect();
    let (pool, text) = (encoded(&scene.pool()), encoded(&text));
    pages.push(format!("/pool?name={pool}"));
    for state in ["due", "scheduled", "retrying", "running", "succeeded", "failed", "canceled"] {
        pages.push(format!("/work?state={state}&pool={pool}"));
    }
    pages.push(format!("/work?function={text}&name={text}&error={text}&older=5m&state=failed"));
    pages.push(format!("/failures?pool={pool}&hours=1"));
    pages.extend(scene.items().map(|id| format!("/work/{id}")));
    for verb in ["pause", "resume", "scale"] {
        pages.push(format!("/act/{verb}?pool={pool}"));
    }
    for verb in ["cancel", "retry", "run-now", "replay"] {
        pages.push(format!("/act/{verb}?id={}", scene.failed));
    }
    for verb in ["cancel-matching", "retry-matching"] {
        pages.push(format!("/act/{verb}?pool={pool}&error={text}"));
    }
    pages
}

/// What must never stand in a page when the text has markup.
const MARKUP: [&str; 5] = ["<script>alert", "<img src=x", "onerror=alert(1)>", "<hr x", "<b>"];

async fn nothing_is_markup(text: &str) {
    let stage = Stage::new().await;
    let scene = Scene::set(stage.workpool(), text).await;
    let mut browser = Browser::of(&stage);
    for address in pages(&scene) {
        let page = browser.open(&address).await;
        for markup in MARKUP {
            assert!(!page.text.contains(markup), "{address} has {markup}");
        }
        // One script, ours; no style and no handler in any element.
        assert_eq!(page.text.matches("<script").count(), 1, "{address}");
        assert!(!page.text.contains("style=\""), "{address}");
        let open = page.text.matches("<bdi").count();
        assert_eq!(open, page.text.matches("</bdi>").count(), "{address}");
    }
}

#[tokio::test]
async fn names_and_errors_with_markup_are_shown_as_text() {
    nothing_is_markup(
        "\"><img src=x onerror=alert(1)></title><hr x><script>alert(1)</script>'&amp;",
    )
    .await;
}

#[tokio::test]
async fn names_that_are_paths_or_queries_lead_to_their_own_pages() {
    for text in ["..", "/", "a/../b?c=d&e#f", "%2e%2e", "+ +"] {
        let stage = Stage::new().await;
        let scene = Scene::set(stage.workpool(), text).await;
        let mut browser = Browser::of(&stage);
        let overview = browser.open("/").await;
        let address = format!("/pool?name={}", encoded(text));
        assert!(overview.text.contains(&format!("href=\"{address}\"")), "{text}");
        let page = browser.open(&address).await;
        assert!(page.text.contains(&format!("…{}", &scene.running.to_string()[24..])), "{text}");
    }
}

#[tokio::test]
async fn text_of_any_script_and_length_is_shown() {
    nothing_is_markup("\u{202e}txet\u{2066} שלום 🏴\u{200d}☠️\r\n\u{1}\u{feff}\u{fffd} ünïcode")
        .await;
    nothing_is_markup(&"<b>".repeat(3400)).await;
}

#[tokio::test]
async fn the_overview_says_which_pool_is_stuck_and_why() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    workpool.create_pool(workpool::Pool::new("paused")).await.unwrap();
    workpool.pool("paused").pause().await.unwrap();
    stage
        .execute(
            "INSERT INTO workpool.work (id, pool, function, kind, run_at, args)
             SELECT gen_random_uuid(), 'mail', 'unheard_of', 0, now() - interval '1 hour', '1'
             FROM generate_series(1, 12345)",
        )
        .await;
    let page = Browser::of(&stage).open("/").await;
    let (_, verdict) = page.text.split_once("id=\"verdict\"").unwrap();
    let (verdict, _) = verdict.split_once("</section>").unwrap();
    assert!(verdict.contains("somebody paused it"), "{verdict}");
    assert!(verdict.contains("no live worker serves it"), "{verdict}");
    assert!(page.text.contains("10,000+"), "the backlog is counted up to a bound");
}

#[tokio::test]
async fn an_item_says_why_it_does_not_run_and_what_it_went_through() {
    let stage = Stage::new().await;
    let scene = Scene::set(stage.workpool(), "mail").await;
    let mut browser = Browser::of(&stage);
    let retrying = browser.open(&format!("/work/{}", scene.retrying)).await;
    assert!(retrying.text.contains("attempt 2 failed (mail)"), "{}", retrying.text);
    assert!(retrying.text.contains("Next attempt") && retrying.text.contains("caused by: "));
    let running = browser.open(&format!("/work/{}", scene.running)).await;
    assert!(running.text.contains("process 4711") && running.text.contains("running for 2 min"));
    // That it was claimed, and then that it failed.
    let (before, after) = retrying.text.split_once("Attempt 2 claimed").unwrap();
    assert!(before.contains("Attempt 1 failed") && !after.contains("Attempt 1 failed"));
    let failed = browser.open(&format!("/work/{}", scene.failed)).await;
    let (before, after) = failed.text.split_once("Attempt 1 claimed").unwrap();
    assert!(!before.contains("Attempt 1 failed") && after.contains("Attempt 1 failed"));
    assert!(failed.text.contains("parked") && failed.text.contains("Replay callback"));
}

#[tokio::test]
async fn arguments_of_functions_that_nobody_here_knows_are_hidden_until_asked_for() {
    let stage = Stage::new().await;
    let scene = Scene::set(stage.workpool(), "secret-address").await;
    let address = format!("/work/{}", scene.due);
    let hidden = Browser::of(&stage).open(&address).await;
    let (_, args) = hidden.text.split_once("id=\"args\"").unwrap();
    let (args, _) = args.split_once("</section>").unwrap();
    assert!(args.contains("does not know the function") && !args.contains("secret-address"));
    let dashboard = workpool::dashboard::Dashboard::new(stage.workpool());
    let router = dashboard.show_unknown_arguments(true).router();
    let shown = Browser::new(router).open(&address).await;
    let (_, args) = shown.text.split_once("id=\"args\"").unwrap();
    assert!(args.contains("secret-address"), "{args}");
}

#[tokio::test]
async fn what_is_not_there_is_said_in_the_frame_of_the_dashboard() {
    let stage = Stage::new().await;
    let mut browser = Browser::of(&stage);
    for address in
        ["/nowhere", "/work/1", "/work/0198c5e4-0000-7000-8000-000000000000", "/pool?name=x"]
    {
        let page = browser.get(address).await;
        assert_eq!(page.status, 404, "{address}");
        assert!(page.text.contains("To the overview"), "{address}: {}", page.text);
    }
    for address in
        ["/work?state=asleep", "/work?older=long", "/work?after=garbage", "/pool", "/act/pause"]
    {
        let page = browser.get(address).await;
        assert_eq!(page.status, 400, "{address}");
        assert!(page.text.contains("To the overview"), "{address}: {}", page.text);
    }
}

#[tokio::test]
async fn lists_are_read_a_page_at_a_time() {
    let stage = Stage::new().await;
    stage
        .execute(
            "INSERT INTO workpool.work (id, pool, function, kind, run_at, args)
             SELECT gen_random_uuid(), 'mail', 'f', 0, now() - interval '1 hour' + n * interval '1 second', '1'
             FROM generate_series(1, 120) n",
        )
        .await;
    let mut browser = Browser::of(&stage);
    let (mut address, mut seen) = (Some("/work?pool=mail".to_owned()), 0);
    for _ in 0..3 {
        let page = browser.open(&address.take().expect("there is a next page")).await;
        seen += page.text.matches("name=\"id\" value=").count();
        let next = page.text.split("<a ").find(|link| link.contains("rel=\"next\""));
        address = next.and_then(|link| {
            let (_, rest) = link.split_once("href=\"")?;
            Some(rest.split('"').next()?.replace("&amp;", "&"))
        });
    }
    assert_eq!((seen, address), (120, None));
}

#[tokio::test]
async fn what_a_function_declares_to_be_redacted_is_not_shown() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let payment = Payment { order: "order-7".into(), card: "4111-1111".into() };
    let paid = pay::enqueue(workpool, payment).await.unwrap();
    let context = "context-secret".to_owned();
    let whispered = whisper::enqueue(workpool, "args-secret".into());
    let whispered = whispered.on_complete::<heard>(context).await.unwrap();
    let mut browser = Browser::of(&stage);
    for address in [paid.uuid(), whispered.uuid()].map(|id| format!("/work/{id}")) {
        let page = browser.open(&address).await;
        assert!(page.text.contains("redacted"), "{}", page.text);
    }
    let nothing_slips = async |browser: &mut Browser| {
        let page = browser.open(&format!("/work/{paid}")).await;
        assert!(page.text.contains("order-7") && !page.text.contains("4111-1111"), "{}", page.text);
        let page = browser.open(&format!("/work/{whispered}")).await;
        assert!(!page.text.contains("args-secret") && !page.text.contains("context-secret"));
    };
    nothing_slips(&mut browser).await;
    stage.drain().await.assert_nothing_left();
    nothing_slips(&mut browser).await;
}
