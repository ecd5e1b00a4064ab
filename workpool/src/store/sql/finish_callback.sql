-- $1 id, $2 worker, $3 fence
DELETE FROM workpool.callbacks WHERE id = $1 AND worker = $2 AND fence = $3
