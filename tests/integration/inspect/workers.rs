//! Workers.

use workpool_tests::{Stage, eventually};

use crate::functions::gated;

#[tokio::test]
async fn a_worker_shows_its_process_its_lease_and_what_it_runs() {
    let stage = Stage::new().await;
    let worker = stage.start().await;
    gated::enqueue_batch(stage.workpool(), ["gate".to_owned(), "gate".to_owned()]).await.unwrap();
    stage.gates.arrived("gate", 2).await;
    let inspector = stage.workpool().inspect();
    let seen = inspector.workers().await.unwrap();
    assert_eq!(seen.len(), 1);
    let seen = &seen[0];
    assert_eq!(seen.pid, i64::from(std::process::id()));
    assert_eq!(seen.version, env!("CARGO_PKG_VERSION"));
    assert!(seen.alive && (1..=2000).contains(&seen.lease_left_ms), "{}", seen.lease_left_ms);
    assert!(seen.functions.iter().any(|name| name.ends_with("gated")));
    let gated = seen.pools.iter().find(|pool| pool.pool == "gated").unwrap();
    assert_eq!(gated.running, 2);
    assert!(gated.granted >= 2 && !gated.frozen);
    stage.gates.open("gate");
    worker.shutdown().await;
    eventually("it is forgotten", async || inspector.workers().await.unwrap().is_empty()).await;
}

#[tokio::test]
async fn a_dead_worker_shows_as_dead() {
    let stage = Stage::new().await;
    stage
        .execute(
            "INSERT INTO workpool.workers (id, expires_at, host, pid, version, functions)
             VALUES (gen_random_uuid(), now() - interval '7 seconds', 'there', 1, '0.0.1', '{}')",
        )
        .await;
    let seen = stage.workpool().inspect().workers().await.unwrap().remove(0);
    assert!(!seen.alive && seen.lease_left_ms <= -7000, "{seen:?}");
}
