-- $1 worker, $2 callbacks that it knows, $3 limit
UPDATE workpool.callbacks
SET worker = $1, attempt = LEAST(attempt + 1, 1000000000), fence = LEAST(fence + 1, 1000000000)
WHERE id = ANY (ARRAY(
    SELECT id FROM workpool.callbacks
    WHERE parked_at IS NULL AND worker IS NULL AND run_at <= statement_timestamp() AND callback = ANY ($2)
    ORDER BY run_at, id
    LIMIT $3
    FOR NO KEY UPDATE SKIP LOCKED
)) AND EXISTS (SELECT FROM workpool.workers w WHERE w.id = $1 AND NOT w.dead)
RETURNING id, callback, context::text AS context, trace::text AS trace, outcome, attempts,
    result::text AS result, array_remove(errors::text[], NULL) AS errors, attempt, fence
