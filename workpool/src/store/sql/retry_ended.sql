-- $1 ids, $2 ids of the new items, $3 channel
-- Work that ended in no success is enqueued once more, and its end notes as what. Whoever waits here for another that does the same
-- sees its note.
WITH target AS MATERIALIZED (
    SELECT f.*, n.new_id
    FROM workpool.finished f
    JOIN unnest($1::uuid[], $2::uuid[]) AS n (id, new_id) ON n.id = f.id
    WHERE f.id = ANY ($1)
    ORDER BY f.id
    FOR NO KEY UPDATE OF f
), again AS (
    INSERT INTO workpool.work (
        id, pool, function, kind, name, run_at, max_attempts, initial_backoff_ms, backoff_base, max_backoff_ms,
        status_ttl_ms, callback, callback_outcomes, context, trace, args
    )
    SELECT t.new_id, t.pool, t.function, t.kind, t.name, statement_timestamp(),
        t.max_attempts, t.initial_backoff_ms, t.backoff_base, t.max_backoff_ms,
        CASE WHEN t.expires_at IS NULL THEN NULL WHEN t.expires_at <= t.finished_at THEN p.status_ttl_ms
            ELSE LEAST((extract(epoch FROM t.expires_at - t.finished_at) * 1000)::bigint, 31622400000000)
        END,
        t.callback, COALESCE(t.callback_outcomes, 7), t.context, t.trace, t.args
    FROM target t
    JOIN workpool.pools p ON p.name = t.pool
    WHERE t.outcome <> 0 AND t.retried_as IS NULL AND t.args IS NOT NULL
    RETURNING id, pool
), noted AS (
    UPDATE workpool.finished f SET retried_as = t.new_id
    FROM target t
    WHERE f.id = t.id AND t.new_id = ANY (ARRAY(SELECT id FROM again))
), told AS MATERIALIZED (
    SELECT pg_notify($3, CASE WHEN octet_length(d.pool) <= 64 THEN '+' || d.pool ELSE '' END)
    FROM (SELECT DISTINCT pool FROM again) d
    WHERE pg_notification_queue_usage() < 0.5 AND EXISTS (SELECT FROM workpool.slots s WHERE s.pool = d.pool AND s.asleep)
)
SELECT t.outcome, t.retried_as, a.id AS again, t.args IS NULL AS emptied, (SELECT count(*) FROM told) AS told
FROM target t
LEFT JOIN again a ON a.id = t.new_id
ORDER BY t.id
