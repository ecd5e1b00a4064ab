//! What is shown.

use std::time::Duration;

use workpool_tests::{Stage, eventually};

use crate::program::{alone, run, workpool};
use crate::{broken, echo};

const LATER: Duration = Duration::from_hours(1);

#[tokio::test]
async fn the_status_names_the_pools_that_are_ill() {
    let stage = Stage::new().await;
    let well = workpool(stage.url(), "status").await;
    assert!(well.done().ends_with("all pools do what they should\n"), "{well:?}");
    echo::enqueue(stage.workpool(), "x".into()).await.unwrap();
    let ill = workpool(stage.url(), "status").await;
    assert!(ill.done().starts_with("0 workers, "), "{ill:?}");
    let line = ill.out.lines().last().unwrap();
    assert_eq!(line, " echo  no worker  no live worker serves it; 1 wait");
    let json = workpool(stage.url(), "status --json").await.json();
    assert_eq!((&json["schema"], &json["workers"]), (&"workpool".into(), &0.into()));
    let pools = json["pools"].as_array().unwrap();
    let echo = pools.iter().find(|pool| pool["name"] == "echo").unwrap();
    assert_eq!((&echo["health"], &echo["backlog"]["items"]), (&"no_worker".into(), &1.into()));
}

#[tokio::test]
async fn pools_are_shown_as_a_table_and_one_in_full() {
    let stage = Stage::new().await;
    let all = workpool(stage.url(), "pools").await;
    let lines: Vec<_> = all.done().lines().map(str::trim).collect();
    assert!(lines[0].starts_with("POOL") && lines[0].ends_with("WHY"), "{all:?}");
    assert!(lines.iter().any(|line| line.starts_with("echo")), "{all:?}");
    let one = workpool(stage.url(), "pools echo").await;
    assert!(one.done().contains(" limit             10\n"), "{one:?}");
    assert_eq!(workpool(stage.url(), "pools echo --json").await.json()["max_parallelism"], 10);
    workpool(stage.url(), "pools nowhere").await.ended(3, "pool `nowhere` does not exist");
}

#[tokio::test]
async fn work_is_listed_a_page_at_a_time() {
    let stage = Stage::new().await;
    let texts = (0..5).map(|n| n.to_string());
    echo::enqueue_batch(stage.workpool(), texts).run_after(LATER).await.unwrap();
    let (mut ids, mut after) = (Vec::new(), String::new());
    for _ in 0..3 {
        let page = workpool(stage.url(), &format!("work --json --limit 2 {after}")).await.json();
        ids.extend(page["rows"].as_array().unwrap().iter().map(|row| row["id"].to_string()));
        after = page["next"].as_str().map(|next| format!("--after {next}")).unwrap_or_default();
    }
    assert_eq!((ids.len(), &*after), (5, ""));
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 5);
    let shown = workpool(stage.url(), "work --limit 2 --state scheduled --pool echo").await;
    assert!(
        shown.done().lines().last().unwrap().starts_with("more: --after scheduled."),
        "{shown:?}"
    );
    assert!(shown.out.contains("scheduled") && shown.out.contains("in 59m"), "{shown:?}");
    assert_eq!(workpool(stage.url(), "work --state failed").await.done(), "none\n");
    workpool(stage.url(), "work --after nonsense").await.ended(1, "cursor is not valid");
}

#[tokio::test]
async fn an_item_is_shown_in_full_with_why_it_does_not_run() {
    let stage = Stage::new().await;
    let id = echo::enqueue(stage.workpool(), "x y".into()).name("mine").run_after(LATER);
    let id = id.await.unwrap();
    let shown = workpool(stage.url(), &format!("show {id}")).await;
    for line in [" state      scheduled\n", " name       mine\n", " arguments  \"x y\"\n"] {
        assert!(shown.done().contains(line), "no `{line}` in {}", shown.out);
    }
    let json = workpool(stage.url(), &format!("show {id} --json")).await.json();
    assert_eq!((&json["state"], &json["args"]), (&"scheduled".into(), &"\"x y\"".into()));
    let why = workpool(stage.url(), &format!("why {id}")).await;
    assert!(why.done().starts_with("it is scheduled for "), "{why:?}");
    assert_eq!(workpool(stage.url(), &format!("why {id} --json")).await.json()["why"], "scheduled");
    let unknown = uuid::Uuid::now_v7();
    for command in ["show", "why"] {
        workpool(stage.url(), &format!("{command} {unknown}")).await.ended(3, "is not known");
    }
}

#[tokio::test]
async fn what_others_wrote_does_not_steer_the_terminal() {
    let stage = Stage::new().await;
    let text = "red \u{1b}[m bell \u{7} line\nnext";
    let id =
        broken::enqueue(stage.workpool(), text.into()).name("\u{1b}]0;title\u{7}").await.unwrap();
    stage.drain().await.assert_nothing_left();
    for command in [format!("show {id}"), "work --state failed".into(), "failures".into()] {
        let shown = workpool(stage.url(), &command).await;
        assert!(!shown.done().contains(['\u{1b}', '\u{7}']), "{command}: {shown:?}");
        assert!(shown.out.contains("red \\u{1b}[m bell"), "{command}: {shown:?}");
    }
    let shown = workpool(stage.url(), &format!("show {id}")).await;
    let line = shown.out.lines().find(|line| line.starts_with("attempt 1 failed at 20"));
    assert!(line.is_some_and(|line| line.contains("s (error): red")), "{shown:?}");
}

#[tokio::test]
async fn failures_are_grouped() {
    let stage = Stage::new().await;
    for text in ["user 1 is gone", "user 2 is gone"] {
        broken::enqueue(stage.workpool(), text.into()).await.unwrap();
    }
    stage.drain().await.assert_nothing_left();
    let groups = workpool(stage.url(), "failures --json --since 1d").await.json();
    assert_eq!((&groups[0]["error"], &groups[0]["items"]), (&"user … is gone".into(), &2.into()));
    let shown = workpool(stage.url(), "failures").await;
    assert!(shown.done().contains("user … is gone"), "{shown:?}");
}

#[tokio::test]
async fn workers_are_shown_with_their_process() {
    let stage = Stage::new().await;
    assert_eq!(workpool(stage.url(), "workers").await.done(), "no worker has registered\n");
    let worker = stage.start().await;
    let shown = workpool(stage.url(), "workers").await;
    let pid = std::process::id().to_string();
    assert!(shown.done().contains(&pid) && shown.out.contains("alive"), "{shown:?}");
    assert_eq!(workpool(stage.url(), "workers --json").await.json()[0]["alive"], true);
    worker.shutdown().await;
}

#[tokio::test]
async fn the_doctor_ends_with_four_when_something_is_wrong() {
    let stage = Stage::new().await;
    let id = echo::enqueue(stage.workpool(), "x".into()).await.unwrap();
    let found = workpool(stage.url(), "doctor").await;
    assert_eq!(found.code, 4, "{found:?}");
    assert!(found.out.contains("no worker is alive, and work is due"), "{found:?}");
    assert!(found.out.contains("→ start a worker"), "{found:?}");
    let json = workpool(stage.url(), "doctor --json").await.json();
    assert_eq!(json[0]["severity"], "problem");
    stage.workpool().cancel(id).await.unwrap();
    let _worker = stage.start().await;
    eventually("nothing is wrong with the work", async || {
        let json = workpool(stage.url(), "doctor --json").await.json();
        // The server of a test may be a fast and careless one.
        let mut all = json.as_array().unwrap().iter();
        all.all(|one| one["severity"] != "problem" || one["check"] == "fsync")
    })
    .await;
}

#[tokio::test]
async fn colors_are_for_terminals_and_not_for_everybody() {
    let stage = Stage::new().await;
    let stays_plain = workpool(stage.url(), "pools").await;
    assert!(!stays_plain.done().contains('\u{1b}'), "{stays_plain:?}");
    let url = stage.url().to_owned();
    let colored = |name: &'static str, value: &'static str| {
        let url = url.clone();
        let run = move || {
            let mut command = alone(&["pools"]);
            command.env("DATABASE_URL", url).env("CLICOLOR_FORCE", "1").env(name, value);
            run(command).done().contains('\u{1b}')
        };
        tokio::task::spawn_blocking(run)
    };
    assert!(colored("TERM", "xterm").await.unwrap(), "forced");
    assert!(!colored("NO_COLOR", "1").await.unwrap(), "not wanted");
}

#[tokio::test]
async fn watch_needs_a_terminal() {
    let stage = Stage::new().await;
    workpool(stage.url(), "watch").await.ended(2, "needs a terminal");
    workpool(stage.url(), "watch --json").await.ended(2, "`status` or `pools`");
}
