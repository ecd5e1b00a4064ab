-- $1 dead worker
-- Frees a dead worker's callbacks, and forgets it once nothing is left of it. Until then its grants hold the slots of what is left, and no
-- more. Runs behind lock_worker. What a transaction that is just committing has locked is left for the next time.
WITH calls AS (
    UPDATE workpool.callbacks SET worker = NULL, run_at = LEAST(run_at, statement_timestamp())
    WHERE id = ANY (ARRAY(SELECT id FROM workpool.callbacks WHERE worker = $1 ORDER BY id FOR UPDATE SKIP LOCKED))
    RETURNING id
), left_over AS MATERIALIZED (
    SELECT s.pool, count(w.id) AS items
    FROM workpool.slots s
    LEFT JOIN workpool.work w ON w.pool = s.pool AND (w.run_at, w.id) <= (s.claimed_to, s.claimed_id) AND w.worker = s.worker
    WHERE s.worker = $1
    GROUP BY s.pool
), remains AS MATERIALIZED (
    SELECT EXISTS (SELECT FROM left_over WHERE items > 0) OR EXISTS (
        SELECT FROM workpool.callbacks c WHERE c.worker = $1 AND NOT EXISTS (SELECT FROM calls WHERE calls.id = c.id)
    ) AS anything
), lowered AS (
    UPDATE workpool.slots s SET granted = l.items
    FROM left_over l
    WHERE s.worker = $1 AND s.pool = l.pool AND s.granted > l.items AND (SELECT anything FROM remains)
), slots AS (
    DELETE FROM workpool.slots WHERE worker = $1 AND NOT (SELECT anything FROM remains)
), forgotten AS (
    DELETE FROM workpool.workers WHERE id = $1 AND NOT (SELECT anything FROM remains)
)
SELECT (SELECT count(*) FROM calls) AS callbacks
