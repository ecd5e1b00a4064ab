-- $1 ids, $2 worker, $3 fence
DELETE FROM workpool.callbacks WHERE id = ANY ($1) AND worker = $2 AND fence = $3
