-- $1 pool, or null for all
-- Who holds slots, the dead included: until they are recovered their slots are taken.
SELECT s.pool, s.worker, k.host, k.pid, s.granted
FROM workpool.slots s
LEFT JOIN workpool.workers k ON k.id = s.worker
WHERE s.granted > 0 AND ($1::text IS NULL OR s.pool = $1)
ORDER BY s.pool, s.granted DESC, s.worker
