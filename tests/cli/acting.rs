//! What is changed, asked about, and recorded.

use std::time::Duration;

use workpool::{OutcomeKind, WorkId};
use workpool_tests::Stage;

use crate::program::workpool;
use crate::{broken, echo};

const LATER: Duration = Duration::from_hours(1);

/// One that has failed.
async fn failed(stage: &Stage, text: &str) -> WorkId<()> {
    let id = broken::enqueue(stage.workpool(), text.into()).await.unwrap();
    stage.drain().await.assert_nothing_left();
    id
}

#[tokio::test]
async fn pools_are_paused_resumed_and_scaled_and_it_is_on_record() {
    let stage = Stage::new().await;
    workpool(stage.url(), "pause echo").await.done();
    assert!(stage.workpool().stats("echo").await.unwrap().paused);
    let resumed = workpool(stage.url(), "resume echo --json").await.json();
    assert_eq!(resumed, serde_json::json!({ "pool": "echo", "paused": false }));
    workpool(stage.url(), "scale echo 3 --actor grace").await.done();
    let stats = stage.workpool().stats("echo").await.unwrap();
    assert!(!stats.paused && stats.max_parallelism == 3);
    let acts = workpool(stage.url(), "audit --json").await.json();
    let shown: Vec<_> = acts
        .as_array()
        .unwrap()
        .iter()
        .map(|act| format!("{} {}", act["who"].as_str().unwrap(), act["action"].as_str().unwrap()))
        .collect();
    assert_eq!(shown, ["grace scale", "ada resume", "ada pause"]);
    workpool(stage.url(), "pause nowhere").await.ended(3, "`workpool pools` lists");
    workpool(stage.url(), "scale echo many").await.ended(2, "invalid value");
}

#[tokio::test]
async fn what_destroys_is_refused_without_a_terminal_unless_confirmed() {
    let stage = Stage::new().await;
    let id = echo::enqueue(stage.workpool(), "x".into()).run_after(LATER).await.unwrap();
    let commands =
        [format!("cancel {id}"), "cancel --pool echo".into(), "prune echo --older-than 1h".into()];
    for command in commands {
        let refused = workpool(stage.url(), &command).await;
        refused.ended(5, "not confirmed");
        assert!(refused.err.contains("--yes"), "{refused:?}");
    }
    assert!(stage.workpool().status(id).await.unwrap().unwrap().is_pending());
    let canceled = workpool(stage.url(), &format!("cancel {id} --yes")).await;
    assert_eq!(canceled.done(), "canceled: it never runs\n");
    let again = workpool(stage.url(), &format!("cancel {id} -y --json")).await;
    assert_eq!((again.code, &again.json()["cancel"]), (6, &"already_finished".into()));
    let unknown = uuid::Uuid::now_v7();
    workpool(stage.url(), &format!("cancel {unknown} -y")).await.ended(3, "is not known");
}

#[tokio::test]
async fn many_are_canceled_by_a_filter_and_never_all_by_accident() {
    let stage = Stage::new().await;
    let texts = || (0..4).map(|n| n.to_string());
    echo::enqueue_batch(stage.workpool(), texts()).name("bad").run_after(LATER).await.unwrap();
    echo::enqueue_batch(stage.workpool(), texts()).run_after(LATER).await.unwrap();
    workpool(stage.url(), "cancel --yes").await.ended(2, "say an id, or a filter");
    let sum = workpool(stage.url(), "cancel --yes --name bad --limit 3").await;
    assert_eq!(sum.done(), "canceled 3, asked 0 running ones to stop; there may be more\n");
    let sum = workpool(stage.url(), "cancel --yes --name bad --json").await.json();
    assert_eq!(sum, serde_json::json!({ "canceled": 1, "requested": 0, "more": false }));
    assert_eq!(workpool(stage.url(), "cancel --yes --name bad").await.code, 6);
    assert_eq!(stage.unfinished().await, 4);
}

#[tokio::test]
async fn failed_work_is_tried_again_once() {
    let stage = Stage::new().await;
    let id = failed(&stage, "broken").await;
    let retried = workpool(stage.url(), &format!("retry {id}")).await;
    let new = retried.done().trim().strip_prefix("tried again as ").unwrap().to_owned();
    let again = workpool(stage.url(), &format!("retry {id} --json")).await;
    assert_eq!((again.code, again.json()["id"].as_str()), (6, Some(&*new)));
    stage.drain().await.assert_nothing_left();
    let new: WorkId<()> = new.parse().unwrap();
    let status = stage.workpool().status(new).await.unwrap().unwrap();
    assert_eq!(status.outcome(), Some(OutcomeKind::Failed));
    let many = workpool(stage.url(), "retry --pool broken --error brok --yes").await;
    assert_eq!(many.done(), "tried 1 again, 1 were so before\n");
    workpool(stage.url(), "retry --pool broken").await.ended(5, "not confirmed");
}

#[tokio::test]
async fn scheduled_work_runs_now() {
    let stage = Stage::new().await;
    let id = echo::enqueue(stage.workpool(), "x".into()).run_after(LATER).await.unwrap();
    assert_eq!(workpool(stage.url(), &format!("run-now {id}")).await.done(), "due now\n");
    assert_eq!(workpool(stage.url(), &format!("run-now {id}")).await.code, 6);
    stage.drain().await.assert_nothing_left();
    assert_eq!(stage.workpool().result(id).await.unwrap(), "x");
}

#[tokio::test]
async fn what_ended_long_ago_is_forgotten() {
    let stage = Stage::new().await;
    let id = failed(&stage, "broken").await;
    let none = workpool(stage.url(), "prune broken --older-than 1h --yes").await;
    assert_eq!((none.code, &*none.out), (6, "forgot 0 work items\n"));
    let one = workpool(stage.url(), "prune broken --older-than 0s --yes --json").await;
    assert_eq!(one.json(), serde_json::json!({ "pool": "broken", "pruned": 1 }));
    assert!(stage.workpool().status(id).await.unwrap().is_none());
    workpool(stage.url(), "prune nowhere --older-than 1h -y").await.ended(3, "does not exist");
}

#[tokio::test]
async fn parked_callbacks_are_listed_and_replayed() {
    let stage = Stage::new().await;
    let insert = "INSERT INTO workpool.callbacks (id, pool, work_function, callback, outcome, attempts, run_at, parked_at, attempt, error)
        VALUES (gen_random_uuid(), 'echo', 'f', 'g', 0, 1, now(), now(), 9, '{\"kind\":\"error\",\"message\":\"no such table\"}')";
    stage.execute(insert).await;
    let shown = workpool(stage.url(), "callbacks list --state parked").await;
    assert!(shown.done().contains("no such table") && shown.out.contains("parked"), "{shown:?}");
    let page = workpool(stage.url(), "callbacks list --json").await.json();
    let id = page["rows"][0]["work_id"].as_str().unwrap().to_owned();
    let replayed = workpool(stage.url(), &format!("callbacks replay {id}")).await;
    assert_eq!(replayed.done(), "1 are due again\n");
    assert_eq!(workpool(stage.url(), "callbacks replay --all").await.code, 6);
    workpool(stage.url(), "callbacks replay").await.ended(2, "required");
}
