//! The commands and the pages, with all their statements through the pooler.

use workpool_tests::pooler::Mode;
use workpool_tests::program::{dashboard, workpool};
use workpool_tests::{Scene, get};

use crate::setting;

#[tokio::test]
async fn every_command_answers_through_the_pooler() {
    let (database, _pooler, url) = setting(Mode::Transaction, 5).await;
    let scene = Scene::set(database.workpool(), "mail").await;
    let Scene { scheduled, due, running, failed, .. } = scene;
    workpool(&url, "status").await.ended(1, "say --pooled");
    let commands = [
        ("migrate".into(), 0),
        ("migrate --dry-run".into(), 0),
        ("status".into(), 0),
        ("pools".into(), 0),
        ("pause mail".into(), 0),
        ("resume mail".into(), 0),
        ("scale mail 3".into(), 0),
        ("work --pool mail --error mail".into(), 0),
        ("work --state failed".into(), 0),
        ("failures".into(), 0),
        (format!("show {running}"), 0),
        (format!("why {scheduled}"), 0),
        (format!("run-now {scheduled}"), 0),
        (format!("cancel {due} --yes"), 0),
        ("cancel --pool mail --yes".into(), 0),
        (format!("retry {failed}"), 0),
        ("retry --pool mail --state canceled --yes".into(), 0),
        ("callbacks list".into(), 0),
        ("callbacks replay --all".into(), 0),
        ("prune mail --older-than 1s --yes".into(), 0),
        ("workers".into(), 0),
        ("doctor".into(), 4),
        ("audit".into(), 0),
    ];
    // Twice: the second time on servers that have seen all of it.
    for round in 0..2 {
        for (command, code) in &commands {
            let run = workpool(&url, &format!("{command} --pooled --json")).await;
            let fine = run.code == *code || round > 0 && run.code == 6;
            // What was pruned in the first round is not known in the second.
            let gone = round > 0 && run.code == 3;
            assert!(fine || gone, "{command}: {run:?}");
        }
    }
}

#[tokio::test]
async fn every_page_opens_through_the_pooler() {
    let (database, _pooler, url) = setting(Mode::Transaction, 5).await;
    let scene = Scene::set(database.workpool(), "mail").await;
    let (mut server, url) = dashboard(&url, &["--pooled"]).await;
    let (address, target) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let answer = get(address, &format!("/{target}"), "").await;
    let cookie = answer.lines().find_map(|line| line.strip_prefix("set-cookie: "));
    let cookie = cookie.and_then(|line| line.split(';').next()).unwrap();
    let cookie = format!("Cookie: {cookie}\r\n");
    let mut pages: Vec<String> = [
        "/",
        "/pool?name=mail",
        "/work",
        "/work?state=failed&error=mail",
        "/work?state=succeeded",
        "/failures",
        "/callbacks",
        "/workers",
        "/doctor",
        "/audit",
        "/act/scale?pool=mail",
        "/act/cancel-matching?pool=mail",
    ]
    .map(String::from)
    .into();
    pages.extend(scene.items().map(|id| format!("/work/{id}")));
    for page in pages.iter().chain(&pages) {
        let answer = get(address, page, &cookie).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{page}: {answer}");
    }
    server.kill().await.unwrap();
}
