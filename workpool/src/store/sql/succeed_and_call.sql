-- $1 worker, $2 fence, $3 ids, $4 results, $5 callbacks that this worker runs at once, $6 traces of the attempts (none at all: an empty array)
-- The end of successes that call back: succeed.sql with callbacks. An id that is among the ended or the callbacks already is refused, and
-- then ended by finish.sql.
WITH gone AS (
    DELETE FROM workpool.work
    WHERE id = ANY ($3) AND worker = $1 AND fence = $2
    RETURNING id, pool, function, kind, name, attempt, enqueued_at, started_at, status_ttl_ms,
        callback, callback_outcomes, context, trace, errors
), ended AS MATERIALIZED (
    SELECT g.*, e.result::json AS result, COALESCE(e.trace, g.trace) AS last_trace
    FROM gone g
    -- FULL, because it can only be hashed or merged.
    FULL JOIN unnest($3::uuid[], $4::text[], $6::text[]) AS e (id, result, trace) ON e.id = g.id
    WHERE g.pool IS NOT NULL
), kept AS (
    INSERT INTO workpool.finished (
        id, pool, function, kind, name, outcome, attempts, enqueued_at, started_at, finished_at, expires_at, result, errors
    )
    SELECT id, pool, function, kind, name, 0, attempt, enqueued_at, started_at, statement_timestamp(),
        statement_timestamp() + status_ttl_ms * interval '1 millisecond', result, errors
    FROM ended
    WHERE status_ttl_ms IS NULL OR status_ttl_ms > 0
), called AS (
    INSERT INTO workpool.callbacks (
        id, pool, work_function, callback, context, trace, outcome, attempts, result, errors, run_at, worker, attempt, fence
    )
    SELECT id, pool, function, callback, context, last_trace, 0, attempt, result, errors, statement_timestamp(),
        CASE WHEN callback = ANY ($5) THEN $1 END,
        CASE WHEN callback = ANY ($5) THEN 1 ELSE 0 END, CASE WHEN callback = ANY ($5) THEN 1 ELSE 0 END
    FROM ended
    WHERE callback IS NOT NULL AND (callback_outcomes & 1) <> 0
    RETURNING id, callback, context, trace, outcome, attempts, result, errors, worker, attempt, fence
)
SELECT NULL::uuid AS id, NULL AS callback, NULL AS context, NULL AS trace, NULL::smallint AS outcome, NULL::integer AS attempts, NULL AS result,
    NULL::text[] AS errors, NULL::integer AS attempt, NULL::integer AS fence, COALESCE(array_agg(id), '{}') AS ended
FROM ended
UNION ALL
SELECT id, callback, context::text, trace::text, outcome, attempts, result::text, array_remove(errors::text[], NULL), attempt, fence, NULL
FROM called
WHERE worker IS NOT NULL
