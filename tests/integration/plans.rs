//! The plans of what runs for each item: by an index or by place, whatever the planner knows of the
//! tables, so that a long backlog or many ended items cost nothing.

use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row};
use workpool::{Completion, MutationCtx, mutation, on_complete};
use workpool_tests::{Stage, eventually};

use crate::functions::{echo, end_of, note};

/// What runs for items that are claimed and ended, under the settings of a worker's connections.
const OF_WORKERS: [&str; 21] = [
    "claim",
    "claim_pool",
    "turn",
    "next_turn",
    "due",
    "overdue",
    "join",
    "succeed",
    "succeed_and_call",
    "succeed_group",
    "finish",
    "retry",
    "release",
    "release_unknown",
    "held",
    "cancels",
    "claim_callbacks",
    "next_callback",
    "finish_callbacks",
    "prune",
    "abandoned",
];
/// What applications run, under their own.
const OF_APPLICATIONS: [&str; 6] =
    ["enqueue", "enqueue_alike", "enqueue_claimed", "status", "cancel", "result"];
const LIKE_A_WORKER: &str = "SET enable_seqscan = off; SET enable_bitmapscan = off; SET jit = off";
const ROWS: &str = "
    INSERT INTO workpool.work (id, pool, function, kind, run_at, args)
    SELECT gen_random_uuid(), 'p' || n % 7, 'f', 0, now() - n * interval '1 ms', 'null' FROM generate_series(1, 30000) n;
    INSERT INTO workpool.finished (id, pool, function, kind, outcome, attempts, enqueued_at, finished_at, expires_at)
    SELECT gen_random_uuid(), 'p' || n % 7, 'f', 0, 0, 1, now(), now(), now() + n * interval '1 s' FROM generate_series(1, 30000) n;
    INSERT INTO workpool.callbacks (id, pool, work_function, callback, outcome, attempts, run_at)
    SELECT gen_random_uuid(), 'p' || n % 7, 'f', 'c', 0, 1, now() FROM generate_series(1, 30000) n";

/// Scans of the large tables that read more than they are asked for.
fn careless(plan: &Value, found: &mut Vec<String>) {
    let text = |key: &str| plan[key].as_str().unwrap_or_default();
    let large = ["work", "finished", "callbacks"].contains(&text("Relation Name"));
    let scan = text("Node Type");
    // What is due of callbacks has an index that holds nothing else.
    let by_index = !text("Index Cond").is_empty() || text("Index Name") == "callbacks_due";
    // A bitmap is made of places, or by an index.
    let by_place = scan == "Tid Scan" || !text("Recheck Cond").is_empty();
    if large && scan.ends_with("Scan") && !by_index && !by_place {
        found.push(format!("{scan} of {}", text("Relation Name")));
    }
    for inner in plan["Plans"].as_array().into_iter().flatten() {
        careless(inner, found);
    }
}

/// The plan that is kept for good, whatever the values.
async fn plan(conn: &mut PgConnection, sql: &str) -> Value {
    let last = (1..=30).rev().find(|n| sql.contains(&format!("${n}"))).unwrap_or(0);
    let nulls =
        if last == 0 { String::new() } else { format!("({})", vec!["NULL"; last].join(", ")) };
    conn.execute(AssertSqlSafe(format!("PREPARE p AS {sql}"))).await.unwrap();
    let explain = AssertSqlSafe(format!("EXPLAIN (FORMAT JSON) EXECUTE p{nulls}"));
    let row = sqlx::raw_sql(explain).fetch_one(&mut *conn).await.unwrap();
    conn.execute("DEALLOCATE p").await.unwrap();
    let json: Value = serde_json::from_str(row.try_get_unchecked(0).unwrap()).unwrap();
    json[0]["Plan"].clone()
}

#[tokio::test]
async fn statements_go_by_their_indexes_whatever_is_known_of_the_tables() {
    let stage = Stage::new().await;
    let all = workpool::testing::statements(stage.workpool());
    let sql =
        |name: &str| all.iter().find(|(known, _)| *known == name).unwrap().1.as_str().to_owned();
    let mut faults = Vec::new();
    for (tables, rows) in [("empty", "SELECT 1"), ("never analyzed", ROWS), ("analyzed", "ANALYZE")]
    {
        stage.execute(rows).await;
        for (settings, names) in [(LIKE_A_WORKER, &OF_WORKERS[..]), ("", &OF_APPLICATIONS[..])] {
            // The application's planner may well read a table that is empty.
            if settings.is_empty() && tables == "empty" {
                continue;
            }
            let mut conn = PgConnection::connect(stage.url()).await.unwrap();
            conn.execute("SET plan_cache_mode = force_generic_plan").await.unwrap();
            conn.execute(settings).await.unwrap();
            for name in names {
                let mut found = Vec::new();
                careless(&plan(&mut conn, &sql(name)).await, &mut found);
                faults.extend(found.into_iter().map(|fault| format!("{name}, {tables}: {fault}")));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// How many rows a plan has read, those included that it did not want.
fn rows_read(plan: &Value) -> f64 {
    let number = |key: &str| plan[key].as_f64().unwrap_or_default();
    let own = (number("Actual Rows")
        + number("Rows Removed by Filter")
        + number("Rows Removed by Join Filter"))
        * number("Actual Loops");
    own + plan["Plans"].as_array().into_iter().flatten().map(rows_read).sum::<f64>()
}

#[tokio::test]
async fn slots_of_many_pools_are_taken_without_counting_all_for_each() {
    const POOLS: u32 = 200;
    let stage = Stage::new().await;
    stage.execute("
        INSERT INTO workpool.pools (name) SELECT 'p' || n FROM generate_series(1, 200) n;
        INSERT INTO workpool.workers (id, expires_at, host, pid, version, functions)
        SELECT gen_random_uuid(), 'infinity', 'h', 1, '0', '{}' FROM generate_series(1, 3);
        INSERT INTO workpool.slots (pool, worker, granted) SELECT 'p' || n, id, 1 FROM generate_series(1, 200) n, workpool.workers").await;
    let all = workpool::testing::statements(stage.workpool());
    let take = all.iter().find(|(known, _)| *known == "take").unwrap().1.as_str();
    let mut conn = PgConnection::connect(stage.url()).await.unwrap();
    conn.execute("SET plan_cache_mode = force_generic_plan").await.unwrap();
    conn.execute(LIKE_A_WORKER).await.unwrap();
    conn.execute(AssertSqlSafe(format!("PREPARE take AS {take}"))).await.unwrap();
    let worker: uuid::Uuid = stage.value("SELECT id FROM workpool.workers LIMIT 1").await;
    let names = (1..=POOLS).map(|n| format!("p{n}")).collect::<Vec<_>>().join(",");
    let fill = |n: u32| format!("array_fill({n}::bigint, ARRAY[{POOLS}])");
    let (running, usable) = (fill(1), fill(9));
    for known in ["never analyzed", "analyzed"] {
        let explain = format!(
            "EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE take('{worker}', '{{{names}}}', {running}, {usable})"
        );
        let row = sqlx::raw_sql(AssertSqlSafe(explain)).fetch_one(&mut conn).await.unwrap();
        let json: Value = serde_json::from_str(row.try_get_unchecked(0).unwrap()).unwrap();
        let read = rows_read(&json[0]["Plan"]);
        assert!(read < 30.0 * f64::from(POOLS), "{known}: {read} rows for {POOLS} pools: {json}");
        stage.execute("ANALYZE").await;
    }
}

#[mutation(pool = "short", grouped)]
async fn short(_: &mut MutationCtx<'_>) -> workpool::Result<()> {
    Ok(())
}

#[on_complete(context = (), grouped)]
async fn called(_: &mut MutationCtx<'_>, _: Completion<(), String>) -> workpool::Result<()> {
    Ok(())
}

#[tokio::test]
async fn a_group_is_ended_by_the_index_on_a_connection_for_bodies_too() {
    const NOTED: [&str; 4] = [
        "CREATE TABLE endings (relation text, items bigint, scans text)",
        "CREATE FUNCTION note_ending() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO endings SELECT TG_TABLE_NAME, count(*), current_setting('enable_seqscan') FROM gone;
            RETURN NULL;
        END $$",
        "CREATE TRIGGER ending AFTER DELETE ON workpool.work
            REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION note_ending()",
        "CREATE TRIGGER ending AFTER DELETE ON workpool.callbacks
            REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION note_ending()",
    ];
    let stage = Stage::new().await;
    for statement in NOTED {
        stage.execute(statement).await;
    }
    stage.workpool().pool("short").set_max_parallelism(1).await.unwrap();
    short::enqueue_batch(stage.workpool(), vec![(); 200]).await.unwrap();
    for _ in 0..100 {
        echo::enqueue(stage.workpool(), String::new()).on_complete::<called>(()).await.unwrap();
    }
    let worker = stage.start().await;
    for (relation, ended) in [("work", 300), ("callbacks", 100)] {
        let all = format!(
            "SELECT COALESCE(sum(items), 0)::bigint FROM endings WHERE relation = '{relation}'"
        );
        eventually("all is ended", async || stage.value::<i64>(&all).await == ended).await;
        let several = format!(
            "SELECT COALESCE(string_agg(DISTINCT scans, ','), 'none') FROM endings WHERE relation = '{relation}' AND items > 1"
        );
        assert_eq!(stage.value::<String>(&several).await, "off", "{relation}");
    }
    worker.shutdown().await;
}

#[tokio::test]
async fn the_end_of_a_mutation_does_not_walk_for_long_over_what_has_come_since_it_was_planned() {
    const WALKS: [&str; 4] = [
        "CREATE TABLE walks (walks bigint)",
        "CREATE FUNCTION note_walks() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO walks SELECT seq_scan FROM pg_stat_xact_user_tables WHERE relid = TG_RELID;
            RETURN NULL;
        END $$",
        "CREATE TRIGGER walks AFTER DELETE ON workpool.work FOR EACH STATEMENT EXECUTE FUNCTION note_walks()",
        // It is known to be empty, and so read as a whole.
        "VACUUM workpool.work",
    ];
    const FLOOD: &str = "INSERT INTO workpool.work (id, pool, function, kind, run_at, args)
        SELECT gen_random_uuid(), 'later', 'f', 0, now() + interval '1 day', 'null' FROM generate_series(1, 100000)";
    let stage = Stage::new().await;
    for statement in WALKS {
        stage.execute(statement).await;
    }
    let worker = stage.start().await;
    let walks = async || {
        stage.execute("TRUNCATE walks").await;
        let id = note::enqueue(stage.workpool(), "a line".to_owned()).await.unwrap();
        end_of(&stage, id).await;
        stage.value::<i64>("SELECT COALESCE(max(walks), 0) FROM walks").await
    };
    for _ in 0..10 {
        walks().await;
    }
    assert!(walks().await > 0, "there would be nothing to see");
    stage.execute(FLOOD).await;
    eventually("its end is planned anew", async || walks().await == 0).await;
    worker.shutdown().await;
}
