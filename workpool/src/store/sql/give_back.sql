-- $1 worker, $2 pools, $3 slots to keep, $4 channel
-- Only ever lowers our own row, so it needs no lock on the pool.
WITH lowered AS (
    UPDATE workpool.slots s
    SET granted = LEAST(s.granted, k.keep), wanted = 0
    FROM unnest($2::text[], $3::bigint[]) AS k (pool, keep)
    WHERE s.worker = $1 AND s.pool = k.pool
    RETURNING s.pool, s.granted
)
SELECT l.pool, l.granted,
    CASE WHEN EXISTS (SELECT FROM workpool.slots o WHERE o.pool = l.pool AND o.worker <> $1 AND o.wanted > 0)
        THEN pg_notify($4, CASE WHEN octet_length(l.pool) <= 64 THEN '+' || l.pool ELSE '' END) IS NOT NULL
    END AS told
FROM lowered l
