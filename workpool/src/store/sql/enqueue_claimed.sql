-- $1 pool, $2 ids, $3 args, and what all of them share: $4 function, $5 kind, $6 name, $7 retry mode, $8..$11 explicit policy,
-- $12 ttl given?, $13 ttl in ms, $14 callback, $15 outcomes, $16 context, $17 trace; $18 worker, $19 slots that it has to have for these
-- too, $20 its functions
-- enqueue_alike.sql for items that are due now, and that a worker of the same process has free slots for: it has claimed them by this. Unless
-- its slots are frozen or somebody is at them, or something else is due, which goes first: then they wait like any others.
WITH pool AS MATERIALIZED (
    SELECT
        name::workpool.pool_name AS name,
        $4::text::workpool.function_name AS function, $5::smallint::workpool.function_kind AS kind, $6::text::workpool.label AS label,
        statement_timestamp()::workpool.due_time AS run_at,
        -- As in enqueue_alike.sql.
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
), mine AS MATERIALIZED (
    SELECT s.worker, s.pool, s.claimed_to
    FROM workpool.slots s
    WHERE s.worker = $18 AND s.pool = $1 AND NOT s.frozen AND s.granted >= $19
        -- What has been due for longer, the worker would have found.
        AND NOT EXISTS (
            SELECT FROM workpool.work i
            WHERE i.pool = $1 AND i.worker IS NULL AND i.function = ANY ($20)
                AND i.run_at >= statement_timestamp() - interval '1 second' AND i.run_at <= statement_timestamp()
        )
    -- Whoever enqueues waits for nobody.
    FOR NO KEY UPDATE SKIP LOCKED
), added AS (
    INSERT INTO workpool.work (
        id, pool, function, kind, name, run_at,
        max_attempts, initial_backoff_ms, backoff_base, max_backoff_ms,
        status_ttl_ms, callback, callback_outcomes, context, trace, args,
        worker, attempt, fence, started_at
    )
    SELECT
        e.id, p.name, p.function, p.kind, p.label, p.run_at,
        p.max_attempts, p.initial_backoff_ms, p.backoff_base, p.max_backoff_ms,
        p.status_ttl_ms, p.callback, p.outcomes, p.context, p.trace, e.args::json,
        m.worker, CASE WHEN m.worker IS NULL THEN 0 ELSE 1 END, CASE WHEN m.worker IS NULL THEN 0 ELSE 1 END,
        CASE WHEN m.worker IS NOT NULL THEN statement_timestamp() END
    FROM pool p
    LEFT JOIN mine m ON true
    CROSS JOIN unnest($2::uuid[], $3::text[]) AS e (id, args)
), marked AS (
    -- As in claim_pool.sql.
    UPDATE workpool.slots s
    SET claimed_to = statement_timestamp() + interval '200 milliseconds'
    FROM mine m
    WHERE s.worker = $18 AND s.pool = m.pool AND m.claimed_to <= statement_timestamp()
)
SELECT m.worker IS NOT NULL AS claimed, p.run_at, p.max_attempts, p.initial_backoff_ms, p.backoff_base, p.max_backoff_ms
FROM pool p
LEFT JOIN mine m ON true
