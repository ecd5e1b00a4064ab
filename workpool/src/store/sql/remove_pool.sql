-- $1 pool
-- Runs behind lock_pools, so no enqueue that saw the row… may still commit: such work stays visible and waits for the pool to come back.
WITH gone AS (
    DELETE FROM workpool.pools p
    WHERE p.name = $1 AND NOT EXISTS (SELECT FROM workpool.work w WHERE w.pool = $1)
    RETURNING p.name
), slots AS (
    DELETE FROM workpool.slots s USING gone g WHERE s.pool = g.name
)
SELECT (SELECT count(*) FROM gone) AS gone, (SELECT count(*) FROM workpool.pools WHERE name = $1) AS found
