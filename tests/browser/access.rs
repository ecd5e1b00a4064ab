//! Who does not see well, or has no mouse: names, structure and contrast of every page, and a pool
//! that is paused by keys alone. Where `WORKPOOL_AXE` leads to the script of axe-core, it is asked
//! as well.

use serde::Deserialize;
use serde_json::Value;
use thirtyfour::Key;
use workpool_tests::Stage;

use crate::acting::IS_LIVE;
use crate::chrome::Chrome;
use crate::day;
use crate::looking::{LOOKS, pages};
use crate::site::Site;

#[derive(Debug, Deserialize)]
struct Seen {
    faults: Vec<String>,
    /// The lowest contrast of a text.
    least: f64,
}

const AXE: &str = "
    const done = arguments[arguments.length - 1];
    axe.run(document, { resultTypes: ['violations'] }).then((found) => done(found.violations.map((one) =>
        `${one.id} (${one.impact}): ${one.help}: ${one.nodes.map((node) => node.html.slice(0, 120)).join(' | ')}`)));
";

#[tokio::test(flavor = "multi_thread")]
async fn every_page_has_names_structure_and_contrast_in_light_dark_and_on_a_phone() {
    let stage = Stage::new().await;
    let day = day::begin(&stage).await;
    let site = Site::with(&stage).await;
    let chrome = Chrome::start(&site.origin).await;
    let axe = std::env::var_os("WORKPOOL_AXE").map(|path| std::fs::read_to_string(path).unwrap());
    let mut pages = pages(&day);
    pages.extend([
        ("confirm-cancel", format!("/jobs/act/cancel?id={}", day.running)),
        ("refused", "/jobs/pool?name=nowhere".to_owned()),
        ("notice", "/jobs/pool?name=billing&done=paused".to_owned()),
        ("nothing", "/jobs/work?pool=nowhere".to_owned()),
    ]);
    let (mut faults, mut least) = (Vec::new(), 21.0_f64);
    for (look, width, height) in LOOKS {
        chrome.size(width, height).await;
        chrome.dark(look == "dark").await;
        for (name, path) in &pages {
            chrome.open(path).await;
            let seen: Seen = chrome.says(include_str!("access.js")).await;
            let mut all = seen.faults;
            least = least.min(seen.least);
            if let Some(axe) = &axe {
                chrome.page.execute(axe, vec![]).await.unwrap();
                let found = chrome.page.execute_async(AXE, vec![]).await.unwrap();
                all.extend(found.convert::<Vec<String>>().unwrap());
            }
            faults.extend(all.into_iter().map(|fault| format!("{name}, {look}: {fault}")));
        }
    }
    println!("the lowest contrast of a text is {least:.2}");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    chrome.stop().await;
}

/// Presses a key wherever the focus is.
async fn press(chrome: &Chrome, key: Key) {
    let focused = chrome.page.active_element().await.unwrap();
    focused.send_keys(key).await.unwrap();
}

/// Presses Tab until the focus is on what this selector finds; everything on the way can be seen to
/// have it.
async fn tab_to(chrome: &Chrome, selector: &str) {
    for _ in 0..40 {
        press(chrome, Key::Tab).await;
        let at: Value = chrome
            .says(&format!(
                "const at = document.activeElement, style = getComputedStyle(at);
                return [at.matches({selector:?}), style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0, at.outerHTML.slice(0, 90)]"
            ))
            .await;
        assert_eq!(at[1], true, "the focus is not seen at {}", at[2]);
        if at[0] == true {
            return;
        }
    }
    panic!("forty times Tab did not lead to {selector}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_is_paused_by_keys_alone() {
    let stage = Stage::new().await;
    let site = Site::with(&stage).await;
    let chrome = Chrome::start(&site.origin).await;
    chrome.open("/jobs").await;
    chrome.until("it is live", IS_LIVE).await;
    tab_to(&chrome, "#pools a.name").await;
    press(&chrome, Key::Enter).await;
    chrome.shows("Who holds its slots").await;
    chrome.until("it is live", IS_LIVE).await;
    tab_to(&chrome, "#pool-head a[href*='/act/pause']").await;
    press(&chrome, Key::Enter).await;
    let asks = "return !!document.activeElement.closest('dialog[open]')";
    chrome.until("the dialog has the focus", asks).await;
    press(&chrome, Key::Escape).await;
    let back = "return !document.querySelector('dialog')
        && document.activeElement.matches(\"a[href*='/act/pause']\")";
    chrome.until("the focus is back at the link", back).await;
    let paused = "SELECT count(*) FROM workpool.pools WHERE paused";
    assert_eq!(stage.value::<i64>(paused).await, 0);

    press(&chrome, Key::Enter).await;
    chrome.until("the dialog has the focus", asks).await;
    let there = "return document.activeElement.matches('dialog form button')";
    if !chrome.says::<bool>(there).await {
        tab_to(&chrome, "dialog form button").await;
    }
    press(&chrome, Key::Enter).await;
    chrome.shows("Paused: nothing starts until it is resumed.").await;
    let said: String = chrome.says("return document.querySelector('.notice').role").await;
    assert_eq!(said, "status", "it is also said to whoever does not see it");
    assert_eq!(stage.value::<i64>(paused).await, 1);
    chrome.stop().await;
}
