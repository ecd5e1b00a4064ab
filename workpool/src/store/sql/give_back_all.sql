-- $1 worker, $2 ids of what it still runs
-- At the end of a worker that has something left running: keeps the slots of that, until recovery.
WITH held AS MATERIALIZED (
    SELECT pool FROM workpool.slots WHERE worker = $1 ORDER BY pool FOR NO KEY UPDATE
), running AS (
    SELECT pool, count(*) AS items FROM workpool.work WHERE id = ANY ($2) AND worker = $1 GROUP BY pool
)
UPDATE workpool.slots s
SET granted = LEAST(s.granted, COALESCE(r.items, 0)), wanted = 0
FROM held h LEFT JOIN running r ON r.pool = h.pool
WHERE s.worker = $1 AND s.pool = h.pool
