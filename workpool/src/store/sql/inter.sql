-- $1 dead worker
-- Forgets a dead worker once nothing is left of it. Its grants hold the slots until then.
WITH left_over AS (
    SELECT EXISTS (
        SELECT FROM workpool.slots s
        JOIN workpool.work w ON w.pool = s.pool AND w.run_at <= s.claimed_to AND w.worker = s.worker
        WHERE s.worker = $1
    ) AS remains
), calls AS (
    UPDATE workpool.callbacks SET worker = NULL, run_at = LEAST(run_at, statement_timestamp())
    WHERE id = ANY (ARRAY(SELECT id FROM workpool.callbacks WHERE worker = $1 ORDER BY id FOR UPDATE SKIP LOCKED))
    RETURNING id
), slots AS (
    DELETE FROM workpool.slots WHERE worker = $1 AND NOT (SELECT remains FROM left_over) RETURNING pool
), forgotten AS (
    DELETE FROM workpool.workers
    WHERE id = $1 AND NOT (SELECT remains FROM left_over)
        AND NOT EXISTS (
            SELECT FROM workpool.callbacks c WHERE c.worker = $1 AND NOT EXISTS (SELECT FROM calls WHERE calls.id = c.id)
        )
    RETURNING id
)
SELECT (SELECT count(*) FROM calls) AS callbacks, (SELECT remains FROM left_over) AS remaining
