-- $1 id, $2 worker, $3 fence
SELECT id FROM workpool.callbacks WHERE id = $1 AND worker = $2 AND fence = $3 FOR NO KEY UPDATE NOWAIT
