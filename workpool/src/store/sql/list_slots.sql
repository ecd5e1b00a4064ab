-- $1 the most items to look at in each pool, $2 and in all of them
-- What runs is found by walking work_due up to the highest place that anybody claimed.
SELECT s.worker, s.pool, s.granted, s.frozen, COALESCE(r.running, 0) AS running
FROM workpool.slots s
LEFT JOIN (
    SELECT b.pool, x.worker, count(*) AS running
    FROM (
        SELECT DISTINCT ON (pool) pool, claimed_to, claimed_id FROM workpool.slots
        ORDER BY pool, claimed_to DESC, claimed_id DESC
    ) b
    CROSS JOIN LATERAL (
        SELECT w.worker FROM workpool.work w
        WHERE w.pool = b.pool AND (w.run_at, w.id) <= (b.claimed_to, b.claimed_id)
        ORDER BY w.run_at, w.id
        LIMIT (SELECT LEAST($1::bigint, GREATEST(1000, $2::bigint / GREATEST(count(DISTINCT pool), 1))) FROM workpool.slots)
    ) x
    WHERE x.worker IS NOT NULL
    GROUP BY b.pool, x.worker
) r ON r.pool = s.pool AND r.worker = s.worker
ORDER BY s.worker, s.granted DESC, s.pool
