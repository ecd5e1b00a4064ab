-- $1 after id, $2 rows to look at
-- One step of a slow walk over all work, for rows whose worker is not known at all: somebody wrote them by hand, or deleted the
-- worker's rows. Such a worker gets a row of slots, by which recovery finds it as it finds every dead one.
WITH page AS MATERIALIZED (
    SELECT id, pool, worker, run_at FROM workpool.work WHERE id > $1 ORDER BY id LIMIT $2
), marked AS (
    INSERT INTO workpool.slots (pool, worker, frozen, asleep, claimed_to)
    SELECT p.pool, p.worker, true, false, max(p.run_at)
    FROM page p
    WHERE p.worker IS NOT NULL AND NOT EXISTS (SELECT FROM workpool.workers w WHERE w.id = p.worker)
    GROUP BY p.pool, p.worker
    ORDER BY p.pool, p.worker
    ON CONFLICT (pool, worker) DO UPDATE SET claimed_to = GREATEST(slots.claimed_to, EXCLUDED.claimed_to), claimed_id = EXCLUDED.claimed_id
    RETURNING worker
)
SELECT (SELECT id FROM page ORDER BY id DESC LIMIT 1) AS last, ARRAY(SELECT DISTINCT worker FROM marked) AS unknown
