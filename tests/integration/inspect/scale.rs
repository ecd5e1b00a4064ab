//! With hundreds of thousands of items: what is read is bounded, whatever waits.

use std::time::Duration;

use workpool::inspect::{WorkFilter, WorkState};
use workpool_tests::Stage;

use super::all;

const ITEMS: i64 = 300_000;

/// Many items of one pool that are due, few of another, and many that failed.
async fn stage() -> Stage {
    let stage = Stage::new().await;
    stage
        .execute(&format!(
            "INSERT INTO workpool.work (id, pool, function, kind, run_at, args)
                SELECT gen_random_uuid(), 'echo', 'f', 0, now() - n * interval '1 millisecond', '1'
                FROM generate_series(1, {ITEMS}) AS n;
             INSERT INTO workpool.work (id, pool, function, kind, run_at, args)
                SELECT gen_random_uuid(), 'gated', 'g', 0, now() + n * interval '1 minute', '1'
                FROM generate_series(1, 10) AS n;
             INSERT INTO workpool.finished (id, pool, function, kind, outcome, attempts, enqueued_at, finished_at, errors, args)
                SELECT gen_random_uuid(), 'echo', 'f', 0, 1, 1, now(), now() - n * interval '1 millisecond',
                    ARRAY['{{\"kind\":\"error\",\"message\":\"it broke\"}}'::json], '1'
                FROM generate_series(1, 100000) AS n;
             ANALYZE"
        ))
        .await;
    stage
}

/// How many pages of the tables a piece of work reads.
async fn pages_read(stage: &Stage, work: impl Future<Output = ()>) -> i64 {
    let total =
        "SELECT (sum(heap_blks_read + heap_blks_hit) + sum(idx_blks_read + idx_blks_hit))::bigint
        FROM pg_statio_user_tables WHERE schemaname = 'workpool'";
    let settle = async || {
        // Sessions report what they have read when they are idle; a new one sees it.
        let mut last = -1;
        for _ in 0..100 {
            let now: i64 = stage.value(total).await;
            if now == last {
                return now;
            }
            last = now;
            tokio::time::sleep(Duration::from_millis(1100)).await;
        }
        panic!("the statistics never come to rest")
    };
    let before = settle().await;
    work.await;
    settle().await - before
}

#[tokio::test]
async fn what_is_shown_reads_a_bounded_part_of_the_tables() {
    let stage = stage().await;
    let inspector = stage.workpool().inspect();
    let whole: i64 = stage.value("SELECT pg_relation_size('workpool.work') / 8192").await;
    let read = pages_read(&stage, async {
        let echo = inspector.pool("echo").await.unwrap().unwrap();
        assert_eq!((echo.backlog.items, echo.backlog.more), (10_000, true));
        assert!(echo.lag_ms >= 300_000, "{}", echo.lag_ms);
    })
    .await;
    // A row may lie on a page of its own, and is looked at twice at most: for the oldest and for the count.
    assert!(read < 40_000, "{read} pages for the overview; the table has {whole}");
    let read = pages_read(&stage, async {
        let page = inspector.work(&WorkFilter::new().state(WorkState::Due), None, 50).await;
        let page = page.unwrap();
        assert_eq!(page.rows.len(), 50);
        assert!(page.rows.iter().all(|row| row.pool == "echo"));
    })
    .await;
    assert!(read < 45_000, "{read} pages for a list; the table has {whole}");
}

#[tokio::test]
async fn a_rare_filter_goes_on_page_by_page_and_finds_everything() {
    let stage = stage().await;
    let inspector = stage.workpool().inspect();
    let rare = "UPDATE workpool.work SET name = 'needle' WHERE ctid IN (
        SELECT ctid FROM workpool.work WHERE pool = 'echo' ORDER BY run_at DESC LIMIT 3)";
    stage.execute(rare).await;
    let (rows, pages) = all(&inspector, &WorkFilter::new().name("needle"), 50).await;
    assert_eq!(rows.len(), 3);
    assert!((15..=40).contains(&pages), "{pages} pages");
    let first = inspector.work(&WorkFilter::new().name("needle"), None, 50).await.unwrap();
    assert!(first.rows.is_empty() && first.next.is_some());
}

#[tokio::test]
async fn lists_of_all_pools_walk_the_indexes_in_their_order() {
    let stage = stage().await;
    let inspector = stage.workpool().inspect();
    let scheduled = WorkFilter::new().state(WorkState::Scheduled);
    let page = inspector.work(&scheduled, None, 50).await.unwrap();
    assert_eq!(page.rows.len(), 10);
    assert!(page.next.is_none(), "the many that are due are not looked at");
    let failed = WorkFilter::new().state(WorkState::Failed);
    let page = inspector.work(&failed, None, 50).await.unwrap();
    assert_eq!(page.rows.len(), 50);
    let groups = inspector.failures(None, Duration::from_hours(1), 10).await.unwrap();
    assert_eq!((groups.len(), groups[0].items), (1, 20_000));
}
