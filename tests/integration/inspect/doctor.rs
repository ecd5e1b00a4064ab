//! The doctor.

use workpool::Workpool;
use workpool::inspect::{Finding, Severity};
use workpool_tests::{Stage, eventually};

use crate::functions::echo;

async fn findings(stage: &Stage) -> Vec<Finding> {
    stage.workpool().inspect().doctor().await.unwrap()
}

async fn found(stage: &Stage, check: &str) -> Finding {
    let all = findings(stage).await;
    let named = all.iter().find(|finding| finding.check == check).cloned();
    named.unwrap_or_else(|| panic!("no {check} in {all:#?}"))
}

#[tokio::test]
async fn what_is_well_is_said_and_the_worst_comes_first() {
    let stage = Stage::new().await;
    let _worker = stage.start().await;
    let all = findings(&stage).await;
    assert!(all.is_sorted_by(|a, b| a.severity >= b.severity));
    for check in ["clock", "schema", "pools", "workers", "tables"] {
        assert_eq!(found(&stage, check).await.severity, Severity::Ok, "{check}");
    }
    assert!(all.iter().all(|one| one.severity <= Severity::Note || !one.next.is_empty()));
}

#[tokio::test]
async fn whether_anybody_listens_is_told() {
    let stage = Stage::new().await;
    let worker = stage.start().await;
    let listens = async || found(&stage, "listener").await.severity == Severity::Ok;
    eventually("somebody listens", listens).await;
    worker.shutdown().await;

    let stage = Stage::new().await;
    let polls = Workpool::builder().pooled(true).connect(stage.url()).await.unwrap();
    let worker = stage.worker_of(&polls).start().await.unwrap();
    let told = found(&stage, "listener").await;
    assert!(told.what.starts_with("nobody listens"), "{told:?}");
    assert_eq!(told.severity, Severity::Note);
    worker.shutdown().await;
}

#[tokio::test]
async fn due_work_without_a_worker_is_a_problem() {
    let stage = Stage::new().await;
    echo::enqueue(stage.workpool(), "x".into()).await.unwrap();
    assert_eq!(found(&stage, "workers").await.severity, Severity::Problem);
    assert_eq!(found(&stage, "pool without worker").await.severity, Severity::Problem);
}

#[tokio::test]
async fn what_no_worker_can_run_is_named() {
    let stage = Stage::new().await;
    stage
        .execute(
            "INSERT INTO workpool.work (id, pool, function, kind, run_at, args) VALUES
                (gen_random_uuid(), 'echo', 'renamed', 0, now(), '1'),
                (gen_random_uuid(), 'removed', 'renamed', 0, now(), '1')",
        )
        .await;
    let unknown = found(&stage, "unknown function").await;
    assert!(unknown.what.contains("`renamed`"), "{}", unknown.what);
    let lost = found(&stage, "unknown pool").await;
    assert_eq!(lost.what, "pool `removed` has work, and is not in the database");
}

#[tokio::test]
async fn a_dead_worker_and_other_versions_are_told() {
    let stage = Stage::new().await;
    stage
        .execute(
            "INSERT INTO workpool.workers (id, expires_at, host, pid, version, functions) VALUES
                (gen_random_uuid(), now() - interval '1 minute', 'there', 1, '0.0.1', '{}'),
                (gen_random_uuid(), now() + interval '1 hour', 'here', 2, '0.0.1', '{}'),
                (gen_random_uuid(), now() + interval '1 hour', 'here', 3, '0.0.2', '{}')",
        )
        .await;
    assert!(found(&stage, "dead worker").await.what.starts_with("worker there:1 is dead for 6"));
    let versions = found(&stage, "worker versions").await;
    assert_eq!(versions.what, "live workers have different versions: 0.0.1, 0.0.2");
}
