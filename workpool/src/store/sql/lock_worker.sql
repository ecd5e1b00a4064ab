-- $1 worker
SELECT id FROM workpool.workers WHERE id = $1 FOR UPDATE
