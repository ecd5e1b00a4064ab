-- $1 worker, $2 fence, $3 ids, $4 outcomes, $5 results, $6 errors, $7 callbacks that this worker runs at once, $8 traces of the
-- attempts (none at all: an empty array)
-- The fence: (id, worker, fence). What another attempt or an end has superseded is not found, and nothing is written for it.
WITH gone AS (
    DELETE FROM workpool.work
    WHERE id = ANY ($3) AND worker = $1 AND fence = $2
    RETURNING id, pool, function, kind, name, attempt, enqueued_at, started_at, status_ttl_ms,
        callback, callback_outcomes, context, trace, errors, max_attempts, initial_backoff_ms, backoff_base, max_backoff_ms, args
), ended AS MATERIALIZED (
    -- FULL, because it can only be hashed or merged: with a wrong estimate a nested loop would compare each with each.
    SELECT g.*, e.outcome, e.result::json AS result, COALESCE(e.trace, g.trace) AS last_trace,
        CASE WHEN e.error IS NULL THEN g.errors ELSE (g.errors || e.error::json)[GREATEST(COALESCE(array_length(g.errors, 1), 0) - 8, 1):] END AS all_errors
    FROM gone g
    FULL JOIN unnest($3::uuid[], $4::smallint[], $5::text[], $6::text[], $8::text[]) AS e (id, outcome, result, error, trace) ON e.id = g.id
), kept AS (
    INSERT INTO workpool.finished (
        id, pool, function, kind, name, outcome, attempts, enqueued_at, started_at, finished_at, expires_at, result, errors,
        max_attempts, initial_backoff_ms, backoff_base, max_backoff_ms, callback, callback_outcomes, context, trace, args
    )
    SELECT id, pool, function, kind, name, outcome, attempt, enqueued_at, started_at, statement_timestamp(),
        statement_timestamp() + status_ttl_ms * interval '1 millisecond', result, all_errors,
        -- What it takes to do the work again, unless it succeeded.
        CASE WHEN outcome <> 0 THEN max_attempts END, CASE WHEN outcome <> 0 THEN initial_backoff_ms END,
        CASE WHEN outcome <> 0 THEN backoff_base END, CASE WHEN outcome <> 0 THEN max_backoff_ms END,
        CASE WHEN outcome <> 0 THEN callback END, CASE WHEN outcome <> 0 THEN callback_outcomes END,
        CASE WHEN outcome <> 0 THEN context END, CASE WHEN outcome <> 0 THEN last_trace END, CASE WHEN outcome <> 0 THEN args END
    FROM ended
    WHERE pool IS NOT NULL AND (status_ttl_ms IS NULL OR status_ttl_ms > 0)
    -- Somebody may have enqueued an id again after its end: the work must still be able to end.
    ON CONFLICT (id) DO UPDATE SET
        outcome = EXCLUDED.outcome, attempts = EXCLUDED.attempts, finished_at = EXCLUDED.finished_at,
        expires_at = EXCLUDED.expires_at, result = EXCLUDED.result, errors = EXCLUDED.errors,
        max_attempts = EXCLUDED.max_attempts, initial_backoff_ms = EXCLUDED.initial_backoff_ms,
        backoff_base = EXCLUDED.backoff_base, max_backoff_ms = EXCLUDED.max_backoff_ms, callback = EXCLUDED.callback,
        callback_outcomes = EXCLUDED.callback_outcomes, context = EXCLUDED.context, trace = EXCLUDED.trace,
        args = EXCLUDED.args, retried_as = NULL
), called AS (
    INSERT INTO workpool.callbacks (
        id, pool, work_function, callback, context, trace, outcome, attempts, result, errors, run_at, worker, attempt, fence
    )
    SELECT id, pool, function, callback, context, last_trace, outcome, attempt, result, all_errors, statement_timestamp(),
        CASE WHEN callback = ANY ($7) THEN $1 END,
        CASE WHEN callback = ANY ($7) THEN 1 ELSE 0 END, CASE WHEN callback = ANY ($7) THEN 1 ELSE 0 END
    FROM ended
    WHERE callback IS NOT NULL AND (callback_outcomes & (1 << outcome)) <> 0
    ON CONFLICT (id) DO NOTHING
    RETURNING id, callback, context, trace, outcome, attempts, result, errors, worker, attempt, fence
)
SELECT NULL::uuid AS id, NULL AS callback, NULL AS context, NULL AS trace, NULL::smallint AS outcome, NULL::integer AS attempts, NULL AS result,
    NULL::text[] AS errors, NULL::integer AS attempt, NULL::integer AS fence, COALESCE(array_agg(id), '{}') AS ended
FROM ended
WHERE pool IS NOT NULL
UNION ALL
SELECT id, callback, context::text, trace::text, outcome, attempts, result::text, array_remove(errors::text[], NULL), attempt, fence, NULL
FROM called
WHERE worker IS NOT NULL
