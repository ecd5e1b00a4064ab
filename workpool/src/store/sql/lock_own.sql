-- $1 worker, $2 pools
-- Recovery of this worker waits for us, or we for it, and then find nothing: a dead worker takes no slots.
SELECT s.pool
FROM workpool.workers w
JOIN workpool.slots s ON s.worker = w.id
WHERE w.id = $1 AND NOT w.dead AND s.pool = ANY ($2)
ORDER BY s.pool
FOR KEY SHARE OF w
FOR NO KEY UPDATE OF s
