//! A day in the life of a shop: what the pictures show. One pool is paused, one is failing, one has
//! more to do than slots, the others are well.

use uuid::Uuid;
use workpool_tests::Stage;

/// Items of the pictures.
#[derive(Debug)]
pub(crate) struct Day {
    pub(crate) failed: Uuid,
    pub(crate) running: Uuid,
    pub(crate) retrying: Uuid,
}

const DAY: &str = r#"
DELETE FROM workpool.pools;
INSERT INTO workpool.pools (name, max_parallelism, paused) VALUES
    ('billing', 4, false), ('email', 20, false), ('exports', 2, false), ('reports', 6, true),
    ('search-index', 8, false), ('thumbnails', 12, false), ('webhooks', 16, false);
INSERT INTO workpool.workers (id, expires_at, started_at, host, pid, version, functions)
SELECT ('0199aa00-0000-7000-8000-00000000000' || n)::uuid, now() + interval '1 hour', now() - n * interval '7 hours',
    'worker-' || n || '.shop.internal', 1200 + 37 * n, '0.1.0',
    ARRAY['shop::billing::capture', 'shop::email::send_welcome', 'shop::email::send_receipt', 'shop::exports::csv',
        'shop::reports::daily', 'shop::search::index_product', 'shop::media::thumbnail', 'shop::webhooks::deliver']
FROM generate_series(1, 3) n;
INSERT INTO workpool.slots (pool, worker, granted, claimed_to)
SELECT p.name, w.id, CASE p.name WHEN 'reports' THEN 0 WHEN 'exports' THEN (row_number() OVER (PARTITION BY p.name ORDER BY w.id) < 3)::int
    WHEN 'billing' THEN 1 WHEN 'search-index' THEN 2 WHEN 'webhooks' THEN 5 ELSE 4 END, now()
FROM workpool.pools p, workpool.workers w;
INSERT INTO workpool.work (id, pool, function, kind, name, run_at, enqueued_at, worker, attempt, fence, started_at, max_attempts,
    initial_backoff_ms, backoff_base, errors, callback, context, args)
SELECT ('0199bb00-0000-7000-8000-0' || lpad((x.at * 1000 + n)::text, 11, '0'))::uuid, x.pool, x.function, 0, x.label || n,
    now() + x.due + n * x.step, now() - interval '20 minutes',
    CASE WHEN x.runs THEN ('0199aa00-0000-7000-8000-00000000000' || 1 + n % 2)::uuid END, x.attempt, x.attempt,
    CASE WHEN x.attempt > 0 THEN now() - x.since - n * interval '3 seconds' END, 5, 250, 2,
    CASE WHEN x.error <> '' THEN ARRAY[json_build_object('kind', 'error', 'message', x.error, 'attempt', 1)] END,
    CASE WHEN x.pool = 'email' THEN 'shop::email::email_sent' END, CASE WHEN x.pool = 'email' THEN '{"order": 5512}'::json END,
    json_build_object('order', 5500 + n, 'address', 'customer-' || n || '@example.com', 'locale', 'en')
FROM (VALUES
    (1, 'email', 'shop::email::send_receipt', 'order ', true, 6, interval '-2 s', interval '0', 1, interval '1 s', ''),
    (2, 'exports', 'shop::exports::csv', 'export ', true, 2, interval '-40 minutes', interval '0', 1, interval '14 minutes', ''),
    (3, 'exports', 'shop::exports::csv', 'export ', false, 214, interval '-38 minutes', interval '8 s', 0, interval '0', ''),
    (4, 'thumbnails', 'shop::media::thumbnail', 'picture ', true, 5, interval '-1 s', interval '0', 1, interval '2 s', ''),
    (5, 'reports', 'shop::reports::daily', 'shop ', false, 61, interval '-25 minutes', interval '10 s', 0, interval '0', ''),
    (6, 'billing', 'shop::billing::capture', 'order ', false, 9, interval '1 minute', interval '20 s', 2, interval '3 minutes',
        'payment gateway: connection to 10.20.0.7:443 timed out after 30s'),
    (7, 'webhooks', 'shop::webhooks::deliver', 'hook ', true, 4, interval '-1 s', interval '0', 1, interval '0.4 s', ''),
    (8, 'email', 'shop::email::send_welcome', 'user ', false, 320, interval '1 hour', interval '1 minute', 0, interval '0', '')
) x (at, pool, function, label, runs, items, due, step, attempt, since, error), generate_series(1, x.items) n;
INSERT INTO workpool.finished (id, pool, function, kind, name, outcome, attempts, enqueued_at, started_at, finished_at, expires_at,
    errors, args, max_attempts, initial_backoff_ms, backoff_base)
SELECT ('0199cc00-0000-7000-8000-0' || lpad((x.at * 1000 + n)::text, 11, '0'))::uuid, x.pool, x.function, 0, x.label || n, 1, 5,
    now() - interval '1 hour', now() - n * interval '40 s' - interval '30 s', now() - n * interval '40 s', now() + interval '1 day',
    ARRAY[json_build_object('kind', 'error', 'message', 'payment gateway: 502 Bad Gateway', 'attempt', 4, 'took_ms', 2110,
            'at_ms', (extract(epoch FROM now()) * 1000)::bigint - n * 40000 - 32000),
        json_build_object('kind', 'error', 'message', replace(x.error, '#', n::text), 'attempt', 5, 'took_ms', 30000,
            'at_ms', (extract(epoch FROM now()) * 1000)::bigint - n * 40000,
            'sources', ARRAY['connection reset by peer (os error 104)'])],
    json_build_object('order', 5500 + n, 'amount', json_build_object('cents', 1999 + n, 'currency', 'EUR')), 5, 250, 2
FROM (VALUES
    (1, 'billing', 'shop::billing::capture', 'order ', 43, 'payment gateway: connection to 10.20.0.7:443 timed out after 30s'),
    (2, 'billing', 'shop::billing::capture', 'order ', 6, 'card of order # was declined'),
    (3, 'webhooks', 'shop::webhooks::deliver', 'hook ', 11, 'https://customer-#.example.com/hook answered 410 Gone'),
    (4, 'email', 'shop::email::send_welcome', 'user ', 2, 'mailbox of user # does not exist')
) x (at, pool, function, label, items, error), generate_series(1, x.items) n;
INSERT INTO workpool.callbacks (id, pool, work_function, callback, context, outcome, attempts, run_at, attempt, parked_at, error)
SELECT f.id, f.pool, f.function, 'shop::billing::captured', '{"order": 5512}', 1, 5, now(), 12, now() - interval '3 minutes',
    '{"kind": "error", "message": "relation \"invoices\" does not exist"}'
FROM workpool.finished f WHERE f.pool = 'billing' AND f.name IN ('order 3', 'order 5') AND f.id::text LIKE '0199cc00%';
INSERT INTO workpool.stats (pool, at, succeeded, failed, retries, lag_us, lag_max_us, duration_us, duration_max_us)
SELECT x.pool, now() - m * interval '1 minute', greatest(s.n, 0), x.failed * (m % 7 = 0 OR x.pool = 'billing' AND m < 26)::int,
    CASE WHEN x.pool = 'billing' AND m < 26 THEN 14 ELSE (m % 3 = 0)::int * x.failed END,
    (greatest(s.n, 0) + 1) * x.lag * (100 + 30 * sin(m / 4.0))::bigint, x.lag * (250 + 90 * cos(m / 3.0))::bigint,
    (greatest(s.n, 0) + 1) * x.took * 100, x.took * (300 + m % 9 * 40)
FROM (VALUES ('billing', 22, 2, 900, 4000), ('email', 160, 1, 150, 2600), ('exports', 1, 0, 2000, 9000), ('search-index', 90, 0, 90, 800),
    ('thumbnails', 70, 0, 200, 3100), ('webhooks', 210, 1, 100, 1900)) x (pool, rate, failed, lag, took),
    generate_series(0, 59) m,
    LATERAL (SELECT (x.rate * (1 + 0.28 * sin(m / 7.0) + 0.12 * sin(m * 1.7)) * CASE WHEN x.pool = 'billing' AND m < 26 THEN 0.3 ELSE 1 END)::int AS n) s;
INSERT INTO workpool.audit (at, who, action, target, outcome) VALUES
    (now() - interval '25 minutes', 'grace', 'pause', 'reports', 'paused'),
    (now() - interval '2 hours', 'ada', 'scale', 'email', 'max_parallelism 12 → 20'),
    (now() - interval '3 hours', 'ada', 'retry', '0199cc00-0000-7000-8000-000000004001', 'as 0199dd00-0000-7000-8000-000000000001');
"#;

/// Writes the rows.
pub(crate) async fn begin(stage: &Stage) -> Day {
    stage.execute(DAY).await;
    let id = |text: &str| text.parse().unwrap();
    Day {
        failed: id("0199cc00-0000-7000-8000-000000001003"),
        running: id("0199bb00-0000-7000-8000-000000001003"),
        retrying: id("0199bb00-0000-7000-8000-000000006002"),
    }
}
