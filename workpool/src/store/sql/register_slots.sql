-- $1 worker, $2 pools
INSERT INTO workpool.slots (pool, worker)
SELECT p.name, $1 FROM workpool.pools p
WHERE p.name = ANY ($2) AND EXISTS (SELECT FROM workpool.workers w WHERE w.id = $1 AND NOT w.dead)
ON CONFLICT DO NOTHING
