-- $1 id, $2 worker, $3 fence
-- An error while a transaction holds the row; so an answer is final.
SELECT id FROM workpool.work WHERE id = $1 AND worker = $2 AND fence = $3 FOR NO KEY UPDATE NOWAIT
