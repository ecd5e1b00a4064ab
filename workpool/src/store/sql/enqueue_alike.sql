-- $1 pool, $2 ids, $3 args, and what all of them share: $4 function, $5 kind, $6 name, $7 retry mode, $8..$11 explicit policy,
-- $12 ttl given?, $13 ttl in ms, $14 callback, $15 outcomes, $16 context, $17 trace, $18 delay in µs, $19 time (wins over the delay);
-- $20 notify?, $21 channel
-- What enqueue.sql does in general, for items that differ in their arguments only and whose ids nobody has seen before: everything else is
-- made and checked once, and inserts that meet no other row need not be prepared for one.
WITH pool AS MATERIALIZED (
    SELECT
        name::workpool.pool_name AS name,
        $4::text::workpool.function_name AS function, $5::smallint::workpool.function_kind AS kind, $6::text::workpool.label AS label,
        GREATEST(COALESCE($19::timestamptz, statement_timestamp() + $18::bigint * interval '1 microsecond'), 'epoch')::workpool.due_time AS run_at,
        -- Retry modes: 0 off, 1 as given, 2 the pool's policy, 3 the pool's policy if the pool says so.
        CASE $7::smallint WHEN 1 THEN $8::integer
            WHEN 2 THEN max_attempts
            WHEN 3 THEN CASE WHEN retry_actions_by_default THEN max_attempts END
        END AS max_attempts,
        CASE $7::smallint WHEN 1 THEN $9::bigint WHEN 0 THEN NULL ELSE initial_backoff_ms END AS initial_backoff_ms,
        CASE $7::smallint WHEN 1 THEN $10::double precision WHEN 0 THEN NULL ELSE backoff_base END AS backoff_base,
        CASE $7::smallint WHEN 1 THEN $11::bigint WHEN 0 THEN NULL ELSE max_backoff_ms END AS max_backoff_ms,
        CASE WHEN $12::boolean THEN $13::bigint ELSE status_ttl_ms END AS status_ttl_ms,
        $14::text AS callback, $15::smallint AS outcomes, $16::text::json AS context, $17::text::workpool.trace_parent AS trace
    FROM workpool.pools WHERE name = $1
), added AS (
    INSERT INTO workpool.work (
        id, pool, function, kind, name, run_at,
        max_attempts, initial_backoff_ms, backoff_base, max_backoff_ms,
        status_ttl_ms, callback, callback_outcomes, context, trace, args
    )
    SELECT
        e.id, p.name, p.function, p.kind, p.label, p.run_at,
        p.max_attempts, p.initial_backoff_ms, p.backoff_base, p.max_backoff_ms,
        p.status_ttl_ms, p.callback, p.outcomes, p.context, p.trace, e.args::json
    FROM pool p
    CROSS JOIN unnest($2::uuid[], $3::text[]) AS e (id, args)
)
SELECT
    -- As in enqueue.sql.
    CASE WHEN $20 AND EXISTS (SELECT FROM workpool.slots s WHERE s.pool = p.name AND s.asleep) AND pg_notification_queue_usage() < 0.5
        THEN pg_notify($21, CASE WHEN octet_length(p.name) <= 64 THEN '+' || p.name ELSE '' END) IS NOT NULL
        ELSE false
    END AS notified
FROM pool p
