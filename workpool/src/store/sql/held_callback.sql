-- $1 id, $2 worker, $3 attempt
SELECT id FROM workpool.callbacks WHERE id = $1 AND worker = $2 AND attempt = $3 FOR NO KEY UPDATE
