-- $1 pool, $2 ids, $3 functions, $4 kinds, $5 names, $6 delays in µs, $7 times (win over delays), $8 retry modes,
-- $9..$12 explicit policies, $13 ttls given?, $14 ttls in ms, $15 callbacks, $16 outcomes, $17 contexts, $18 args, $19 notify?, $20 channel, $21 ids given by the caller?,
-- $22 traces (none at all: an empty array)
-- All rows or none: they go to one pool, and without its row nothing is selected.
WITH pool AS MATERIALIZED (
    SELECT * FROM workpool.pools WHERE name = $1
), added AS (
    INSERT INTO workpool.work (
        id, pool, function, kind, name, run_at,
        max_attempts, initial_backoff_ms, backoff_base, max_backoff_ms,
        status_ttl_ms, callback, callback_outcomes, context, trace, args
    )
    SELECT
        e.id, p.name, e.function, e.kind, e.label,
        GREATEST(COALESCE(e.run_at, statement_timestamp() + e.delay_us * interval '1 microsecond'), 'epoch'),
        -- Retry modes: 0 off, 1 as given, 2 the pool's policy, 3 the pool's policy if the pool says so.
        CASE e.retry WHEN 1 THEN e.max_attempts
            WHEN 2 THEN p.max_attempts
            WHEN 3 THEN CASE WHEN p.retry_actions_by_default THEN p.max_attempts END
        END,
        CASE e.retry WHEN 1 THEN e.initial_backoff_ms WHEN 0 THEN NULL ELSE p.initial_backoff_ms END,
        CASE e.retry WHEN 1 THEN e.backoff_base WHEN 0 THEN NULL ELSE p.backoff_base END,
        CASE e.retry WHEN 1 THEN e.max_backoff_ms WHEN 0 THEN NULL ELSE p.max_backoff_ms END,
        CASE WHEN e.has_ttl THEN e.ttl_ms ELSE p.status_ttl_ms END,
        e.callback, e.outcomes, e.context::json, e.trace, e.args::json
    FROM pool p
    CROSS JOIN unnest(
        $2::uuid[], $3::text[], $4::smallint[], $5::text[], $6::bigint[], $7::timestamptz[], $8::smallint[],
        $9::integer[], $10::bigint[], $11::double precision[], $12::bigint[],
        $13::boolean[], $14::bigint[], $15::text[], $16::smallint[], $17::text[], $18::text[], $22::text[]
    ) AS e (
        id, function, kind, label, delay_us, run_at, retry,
        max_attempts, initial_backoff_ms, backoff_base, max_backoff_ms,
        has_ttl, ttl_ms, callback, outcomes, context, args, trace
    )
    -- Sending an enqueue again, whose answer was lost, adds nothing: also when the work has ended meanwhile.
    WHERE NOT $21 OR NOT (
        EXISTS (SELECT FROM workpool.finished f WHERE f.id = e.id)
        OR EXISTS (SELECT FROM workpool.callbacks c WHERE c.id = e.id)
    )
    ON CONFLICT (id) DO NOTHING
)
SELECT
    -- Transactions that notify commit one at a time: only when a worker has said that it sleeps. And when nobody can notify any
    -- more, because somebody who listens does not read, they fail at their commit: whoever notifies stops long before that.
    CASE WHEN $19 AND EXISTS (SELECT FROM workpool.slots s WHERE s.pool = p.name AND s.asleep) AND pg_notification_queue_usage() < 0.5
        THEN pg_notify($20, CASE WHEN octet_length(p.name) <= 64 THEN '+' || p.name ELSE '' END) IS NOT NULL
        ELSE false
    END AS notified
FROM pool p
