-- $1 id, $2 channel
WITH target AS MATERIALIZED (
    SELECT id, pool, worker, run_at FROM workpool.work WHERE id = $1 FOR NO KEY UPDATE
), moved AS (
    UPDATE workpool.work w SET run_at = statement_timestamp()
    FROM target t
    WHERE w.id = t.id AND t.worker IS NULL AND t.run_at > statement_timestamp()
    RETURNING w.pool
), told AS MATERIALIZED (
    SELECT pg_notify($2, CASE WHEN octet_length(m.pool) <= 64 THEN '+' || m.pool ELSE '' END)
    FROM moved m
    WHERE pg_notification_queue_usage() < 0.5 AND EXISTS (SELECT FROM workpool.slots s WHERE s.pool = m.pool AND s.asleep)
)
SELECT t.worker IS NOT NULL AS running, EXISTS (SELECT FROM moved) AS moved, (SELECT count(*) FROM told) AS told
FROM target t
