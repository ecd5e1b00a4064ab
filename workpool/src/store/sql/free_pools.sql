-- $1 worker
-- The pools of which nobody holds anything that claims, or whoever takes slots or gives them back, would wait for.
SELECT p.name
FROM workpool.slots s
JOIN workpool.pools p ON p.name = s.pool
WHERE s.worker = $1
ORDER BY p.name
FOR NO KEY UPDATE SKIP LOCKED
