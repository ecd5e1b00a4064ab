-- $1 dead worker
-- Frees a dead worker's callbacks, and forgets it once nothing is left of it: its grants hold the slots until then. Runs behind
-- lock_worker. What a transaction that is just committing has locked is left for the next time.
WITH calls AS (
    UPDATE workpool.callbacks SET worker = NULL, run_at = LEAST(run_at, statement_timestamp())
    WHERE id = ANY (ARRAY(SELECT id FROM workpool.callbacks WHERE worker = $1 ORDER BY id FOR UPDATE SKIP LOCKED))
    RETURNING id
), remains AS MATERIALIZED (
    SELECT EXISTS (
        SELECT FROM workpool.slots s
        JOIN workpool.work w ON w.pool = s.pool AND (w.run_at, w.id) <= (s.claimed_to, s.claimed_id) AND w.worker = s.worker
        WHERE s.worker = $1
    ) OR EXISTS (
        SELECT FROM workpool.callbacks c WHERE c.worker = $1 AND NOT EXISTS (SELECT FROM calls WHERE calls.id = c.id)
    ) AS anything
), slots AS (
    DELETE FROM workpool.slots WHERE worker = $1 AND NOT (SELECT anything FROM remains)
), forgotten AS (
    DELETE FROM workpool.workers WHERE id = $1 AND NOT (SELECT anything FROM remains)
)
SELECT (SELECT count(*) FROM calls) AS callbacks
