//! Every page and every command with very many items: a million, or as many as `WORKPOOL_TEST_ITEMS`
//! says. Prints how long each took; that they are quick to the millisecond is for benchmarks to say.

use std::time::{Duration, Instant};

use workpool_tests::Stage;
use workpool_tests::program::workpool;

use crate::browsing::Browser;

/// The longest that one may take here, on whatever machine, under whatever load.
const GENEROUS: Duration = Duration::from_secs(5);

/// $n items: most due in one pool, many of them at one time; the others scheduled, failed before,
/// or in other pools. A tenth as many have ended.
const FILL: &str = "
INSERT INTO workpool.pools (name)
    SELECT 'pool-' || n FROM generate_series(0, 9) n ON CONFLICT DO NOTHING;
INSERT INTO workpool.workers (id, expires_at, host, pid, version, functions)
    SELECT '0199aa00-0000-7000-8000-000000000001', now() + interval '1 hour', 'host', 1, '0.1.0',
        array_agg('app::f' || n) FROM generate_series(0, 9) n;
INSERT INTO workpool.slots (pool, worker, granted, claimed_to)
    SELECT name, '0199aa00-0000-7000-8000-000000000001', 5, now() - interval '6 hours' FROM workpool.pools;
INSERT INTO workpool.work (id, pool, function, kind, name, run_at, enqueued_at, worker, attempt, fence, started_at,
        max_attempts, initial_backoff_ms, backoff_base, errors, args)
    SELECT ('0199bbbb-bbbb-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid,
        CASE WHEN n % 10 = 0 THEN 'pool-' || n / 10 % 9 + 1 ELSE 'pool-0' END, 'app::f' || n % 10, 0, NULL,
        now() + CASE
            WHEN n < 40 THEN interval '-6 hours' - interval '1 minute'
            WHEN n % 3 = 0 THEN interval '-5 hours'
            WHEN n % 7 = 0 THEN interval '1 hour' + n * interval '1 ms'
            ELSE interval '-5 hours' + n * interval '1 ms'
        END,
        now() - interval '6 hours', CASE WHEN n < 40 THEN '0199aa00-0000-7000-8000-000000000001'::uuid END,
        (n % 20 = 1 OR n < 40)::int, (n % 20 = 1 OR n < 40)::int, CASE WHEN n < 40 THEN now() END, 5, 250, 2,
        CASE WHEN n % 20 = 1 THEN ARRAY['{\"kind\":\"error\",\"message\":\"connection timed out\",\"attempt\":1}'::json] END,
        json_build_object('n', n)
    FROM generate_series(1, ITEMS) n;
INSERT INTO workpool.finished (id, pool, function, kind, outcome, attempts, enqueued_at, started_at, finished_at,
        expires_at, errors, args)
    SELECT ('0199cccc-cccc-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'pool-' || n % 10, 'app::f' || n % 10, 0,
        CASE n % 10 WHEN 1 THEN 1 WHEN 2 THEN 2 ELSE 0 END, 1, now() - interval '6 hours', now() - interval '1 hour',
        now() - n * interval '10 ms', now() + interval '1 day',
        CASE WHEN n % 10 = 1 THEN ARRAY[('{\"kind\":\"error\",\"message\":\"user ' || n || ' is unknown\"}')::json] END,
        CASE WHEN n % 10 IN (1, 2) THEN '1'::json END
    FROM generate_series(1, ITEMS / 10) n;
INSERT INTO workpool.callbacks (id, pool, work_function, callback, outcome, attempts, run_at, parked_at)
    SELECT ('0199cccc-cccc-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'pool-0', 'app::f0', 'app::done', 0, 1, now(),
        CASE WHEN n % 2 = 0 THEN now() END
    FROM generate_series(1, ITEMS / 100) n;
INSERT INTO workpool.stats (pool, at, succeeded)
    SELECT 'pool-' || n % 10, now() - n / 10 * interval '2 s', n % 50 FROM generate_series(1, 30000) n;
";

const PAGES: [&str; 27] = [
    "/",
    "/pool?name=pool-0",
    "/pool?name=pool-3",
    "/work",
    "/work?pool=pool-0&state=due",
    "/work?pool=pool-0&state=retrying",
    "/work?state=scheduled",
    "/work?state=running",
    "/work?state=succeeded",
    "/work?state=failed",
    "/work?state=canceled&pool=pool-2",
    "/work?function=app::f7",
    "/work?function=unheard_of",
    "/work?name=nobody",
    "/work?error=timed+out",
    "/work?error=never+said",
    "/work?state=failed&error=is+unknown",
    "/work?older=30d",
    "/failures",
    "/failures?pool=pool-1&hours=168",
    "/callbacks",
    "/callbacks?state=parked",
    "/workers",
    "/doctor",
    "/audit",
    "/act/cancel-matching?pool=pool-0&function=app::f3",
    "/act/retry-matching?state=failed&error=is+unknown",
];

/// What only looks, and what acts on as much as somebody would let it.
const COMMANDS: [&str; 25] = [
    "status",
    "pools",
    "pools pool-0",
    "work",
    "work --limit 1000",
    "work --pool pool-0 --state due",
    "work --state scheduled",
    "work --state retrying",
    "work --state running",
    "work --state failed --error unknown",
    "work --function app::f7",
    "work --function unheard_of",
    "work --error never",
    "work --older-than 30d",
    "failures",
    "failures --since 7d",
    "callbacks list",
    "callbacks list --state parked --limit 1000",
    "workers",
    "doctor",
    "audit",
    "cancel --yes --pool pool-0 --function app::f3 --limit 100",
    "retry --yes --pool pool-1 --limit 100",
    "prune pool-1 --older-than 30d --yes",
    "migrate --dry-run",
];

#[tokio::test]
async fn every_page_and_every_command_answers_with_very_many_items() {
    let items = std::env::var("WORKPOOL_TEST_ITEMS").ok().and_then(|n| n.parse().ok());
    let items: u32 = items.unwrap_or(1_000_000);
    let stage = Stage::new().await;
    stage.execute(&FILL.replace("ITEMS", &items.to_string())).await;
    stage.execute("VACUUM ANALYZE workpool.work").await;
    stage.execute("VACUUM ANALYZE workpool.finished").await;
    let ids = [1, 41, items / 2, items].map(|n| format!("0199bbbb-bbbb-7000-8000-{n:012x}"));
    let slowest = slowest_page(&stage, &ids).await;
    println!("{items} items, the slowest page: {slowest:?}");
    let slowest = slowest_command(&stage, &ids).await;
    println!("{items} items, the slowest command: {slowest:?}");
}

async fn slowest_page(stage: &Stage, ids: &[String]) -> Duration {
    let mut browser = Browser::of(stage);
    let mut slowest = Duration::ZERO;
    let items = ids.iter().map(|id| format!("/work/{id}"));
    for address in PAGES.map(String::from).into_iter().chain(items) {
        // Once to have its statements prepared, as by whoever looked before.
        browser.open(&address).await;
        let begun = Instant::now();
        let page = browser.open(&address).await;
        slowest = slowest.max(noted(begun, &format!("{address}, {} bytes", page.text.len())));
    }
    slowest
}

async fn slowest_command(stage: &Stage, ids: &[String]) -> Duration {
    let _ = workpool(stage.url(), "--version").await;
    let mut slowest = Duration::ZERO;
    let shown = ids.iter().map(|id| format!("show {id}"));
    let asked = ids.iter().map(|id| format!("why {id}"));
    for command in COMMANDS.map(String::from).into_iter().chain(shown).chain(asked) {
        let begun = Instant::now();
        let run = workpool(stage.url(), &command).await;
        slowest = slowest.max(noted(begun, &command));
        // The doctor finds something, and not everything finds something to do.
        assert!([0, 4, 6].contains(&run.code), "{run:?}");
    }
    slowest
}

/// Prints how long something took, which has a bound.
#[expect(clippy::print_stdout, reason = "what was measured")]
fn noted(begun: Instant, what: &str) -> Duration {
    let took = begun.elapsed();
    println!("{:7.1} ms {what}", took.as_secs_f64() * 1000.0);
    assert!(took < GENEROUS, "{what} took {took:?}");
    took
}
