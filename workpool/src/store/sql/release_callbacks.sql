-- $1 worker, $2 ids that it has in hand
-- Hands back callbacks marked as ours that we do not know: the answer to their claim was lost, or we shut down.
UPDATE workpool.callbacks SET worker = NULL, attempt = GREATEST(attempt - 1, 0)
WHERE id = ANY (ARRAY(
    SELECT id FROM workpool.callbacks WHERE worker = $1 AND id <> ALL ($2) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
)) AND worker = $1
