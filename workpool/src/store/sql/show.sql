-- $1 id
-- What whoever may not read arguments may read. An id that was enqueued again after its end is shown as it is now.
SELECT statement_timestamp() AS now, i.*, k.host, k.pid,
    b.id AS retry_of, COALESCE(i.callback, c.callback) AS callback_name,
    CASE WHEN c.id IS NULL THEN NULL WHEN c.parked_at IS NOT NULL THEN 2 WHEN c.worker IS NOT NULL THEN 1 ELSE 0 END::smallint AS callback_state,
    c.attempt AS callback_attempts, c.error::text AS callback_error,
    has_column_privilege('workpool.work', 'args', 'SELECT') AND has_column_privilege('workpool.finished', 'args', 'SELECT')
        AND has_column_privilege('workpool.callbacks', 'context', 'SELECT') AS open
FROM (
    SELECT w.id, w.pool, w.function, w.kind, w.name, w.attempt AS attempts, w.enqueued_at, w.run_at, w.started_at, NULL::timestamptz AS finished_at,
        NULL::smallint AS outcome, w.worker, w.cancel_requested, NULL::text AS error, NULL::uuid AS retried_as,
        array_remove(w.errors::text[], NULL) AS errors, w.max_attempts, w.initial_backoff_ms, w.backoff_base, w.max_backoff_ms,
        w.status_ttl_ms, NULL::timestamptz AS expires_at, w.callback
    FROM workpool.work w WHERE w.id = $1
    UNION ALL
    SELECT f.id, f.pool, f.function, f.kind, f.name, f.attempts, f.enqueued_at, NULL, f.started_at, f.finished_at,
        f.outcome, NULL, false, NULL, f.retried_as,
        array_remove(f.errors::text[], NULL), f.max_attempts, f.initial_backoff_ms, f.backoff_base, f.max_backoff_ms,
        (extract(epoch FROM f.expires_at - f.finished_at) * 1000)::bigint, f.expires_at, f.callback
    FROM workpool.finished f WHERE f.id = $1
) i
LEFT JOIN workpool.workers k ON k.id = i.worker
LEFT JOIN workpool.callbacks c ON c.id = i.id
LEFT JOIN workpool.finished b ON b.retried_as = i.id AND b.retried_as IS NOT NULL
ORDER BY i.finished_at NULLS FIRST, b.id
LIMIT 1
