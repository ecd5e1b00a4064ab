-- $1 ids, $2 channel, $3 what runs too?
-- The row lock decides between a cancel and a claim. What waits ends here, in the caller's transaction; what runs is told.
WITH target AS MATERIALIZED (
    SELECT id, worker FROM workpool.work WHERE id = ANY ($1) ORDER BY id FOR UPDATE
), gone AS (
    DELETE FROM workpool.work
    WHERE id = ANY (ARRAY(SELECT id FROM target WHERE worker IS NULL))
    RETURNING *
), requested AS (
    UPDATE workpool.work SET cancel_requested = true
    WHERE $3 AND id = ANY (ARRAY(SELECT id FROM target WHERE worker IS NOT NULL))
    RETURNING id
), kept AS (
    INSERT INTO workpool.finished (
        id, pool, function, kind, name, outcome, attempts, enqueued_at, started_at, finished_at, expires_at, errors,
        max_attempts, initial_backoff_ms, backoff_base, max_backoff_ms, callback, callback_outcomes, context, trace, args
    )
    SELECT id, pool, function, kind, name, 2, attempt, enqueued_at, started_at, statement_timestamp(),
        statement_timestamp() + status_ttl_ms * interval '1 millisecond', errors,
        max_attempts, initial_backoff_ms, backoff_base, max_backoff_ms, callback, callback_outcomes, context, trace, args
    FROM gone
    WHERE status_ttl_ms IS NULL OR status_ttl_ms > 0
    ON CONFLICT (id) DO UPDATE SET
        outcome = EXCLUDED.outcome, attempts = EXCLUDED.attempts, finished_at = EXCLUDED.finished_at,
        expires_at = EXCLUDED.expires_at, result = NULL, errors = EXCLUDED.errors,
        max_attempts = EXCLUDED.max_attempts, initial_backoff_ms = EXCLUDED.initial_backoff_ms,
        backoff_base = EXCLUDED.backoff_base, max_backoff_ms = EXCLUDED.max_backoff_ms, callback = EXCLUDED.callback,
        callback_outcomes = EXCLUDED.callback_outcomes, context = EXCLUDED.context, trace = EXCLUDED.trace, args = EXCLUDED.args,
        retried_as = NULL
), called AS (
    INSERT INTO workpool.callbacks (
        id, pool, work_function, callback, context, trace, outcome, attempts, errors, run_at
    )
    SELECT id, pool, function, callback, context, trace, 2, attempt, errors, statement_timestamp()
    FROM gone
    WHERE callback IS NOT NULL AND (callback_outcomes & 4) <> 0
    ON CONFLICT (id) DO NOTHING
    RETURNING id
), counted AS (
    INSERT INTO workpool.stats (pool, canceled) SELECT pool, count(*) FROM gone GROUP BY pool
), told AS MATERIALIZED (
    SELECT pg_notify($2, '!')
    WHERE (EXISTS (SELECT FROM requested) OR EXISTS (SELECT FROM called)) AND pg_notification_queue_usage() < 0.5
)
SELECT t.id, t.worker IS NULL AS ended, (SELECT count(*) FROM told) AS told FROM target t WHERE $3 OR t.worker IS NULL
