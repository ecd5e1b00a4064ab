-- $1 id, $2 worker, $3 fence
-- Waits for whatever transaction holds the row, so that the answer is final.
SELECT id FROM workpool.work WHERE id = $1 AND worker = $2 AND fence = $3 FOR NO KEY UPDATE
