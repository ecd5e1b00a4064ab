//! The state of all pools for Prometheus.

use std::collections::BTreeSet;

use workpool::Pool;
use workpool::dashboard::Dashboard;
use workpool_tests::{Scene, Stage};

use crate::browsing::{Browser, Page};

const DOCUMENTED: &str = include_str!("../../workpool/src/metrics.rs");

/// The value of a series, without its fraction.
fn value(page: &Page, series: &str) -> u64 {
    let line = page.text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    let line = line.unwrap_or_else(|| panic!("no {series} in\n{}", page.text));
    line.split('.').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_scraper_reads_the_state_of_every_pool_without_a_worker() {
    let stage = Stage::new().await;
    Scene::set(stage.workpool(), "mail").await;
    stage.workpool().create_pool(Pool::new("idle").max_parallelism(7)).await.unwrap();
    stage.workpool().pool("idle").pause().await.unwrap();
    let mut scraper = Browser::new(Dashboard::new(stage.workpool()).read_only(true).router());
    let page = scraper.open("/metrics").await;
    assert_eq!(page.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    for (name, expected) in [
        ("backlog", 1),
        ("callbacks_parked", 1),
        ("pool_running", 1),
        ("pool_scheduled", 2),
        ("pool_workers", 1),
        ("paused", 0),
    ] {
        assert_eq!(value(&page, &format!("workpool_{name}{{pool=\"mail\"}}")), expected, "{name}");
    }
    assert!(value(&page, "workpool_oldest_due_seconds{pool=\"mail\"}") >= 60);
    assert_eq!(value(&page, "workpool_limit{pool=\"idle\"}"), 7);
    assert_eq!(value(&page, "workpool_paused{pool=\"idle\"}"), 1);
    assert_eq!(value(&page, "workpool_backlog{pool=\"idle\"}"), 0);
    let hour = "workpool_pool_last_hour{pool=\"mail\",outcome=\"success\"}";
    assert!(value(&page, hour) > 1000);
}

#[tokio::test]
async fn what_is_scraped_is_documented_and_the_other_way_round() {
    let stage = Stage::new().await;
    Scene::set(stage.workpool(), "a \"quoted\"\\ and broken\nname").await;
    let page = Browser::of(&stage).open("/metrics").await;
    let types = page.text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let scraped: BTreeSet<_> = types.map(|line| line.split(' ').next().unwrap()).collect();
    let (_, section) = DOCUMENTED.split_once("# Of all processes").unwrap();
    let (section, _) = section.split_once("# Recorders").unwrap();
    let documented = section.split('`').filter(|word| word.starts_with("workpool_")).collect();
    assert_eq!(scraped, documented);
    // A name is text, and stays within its line.
    assert!(
        page.text
            .lines()
            .all(|line| line.is_empty() || line.starts_with('#') || line.starts_with("workpool_"))
    );
}
