-- $1 worker, $2 pools, $3 slots to keep, $4 channel
-- Only ever lowers our own rows, so it needs no lock on the pools; but it locks its rows in order.
WITH held AS MATERIALIZED (
    SELECT s.pool, k.keep
    FROM workpool.slots s
    JOIN unnest($2::text[], $3::bigint[]) AS k (pool, keep) ON k.pool = s.pool
    WHERE s.worker = $1 AND s.pool = ANY ($2)
    ORDER BY s.pool
    FOR NO KEY UPDATE OF s
), lowered AS (
    UPDATE workpool.slots s
    SET granted = LEAST(s.granted, h.keep), wanted = 0
    FROM held h
    WHERE s.worker = $1 AND s.pool = h.pool
    RETURNING s.pool, s.granted
)
SELECT l.pool, l.granted,
    CASE WHEN EXISTS (SELECT FROM workpool.slots o WHERE o.pool = l.pool AND o.worker <> $1 AND o.wanted > 0)
            AND pg_notification_queue_usage() < 0.5
        THEN pg_notify($4, CASE WHEN octet_length(l.pool) <= 64 THEN '+' || l.pool ELSE '' END) IS NOT NULL
    END AS told
FROM lowered l
