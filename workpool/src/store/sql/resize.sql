-- $1 pool, $2 limit or null, $3 paused or null, $4 channel
-- Freezing the slots waits for claims under way, which hold their rows, and stops later ones until they have been taken anew
-- under the new limit: after the commit nothing starts that the new values forbid.
WITH changed AS (
    UPDATE workpool.pools p
    SET max_parallelism = COALESCE($2, p.max_parallelism), paused = COALESCE($3, p.paused)
    WHERE p.name = $1
    RETURNING p.name
), held AS MATERIALIZED (
    SELECT s.pool, s.worker FROM changed c
    JOIN workpool.slots s ON s.pool = c.name
    ORDER BY s.pool, s.worker
    FOR NO KEY UPDATE OF s
), frozen AS (
    UPDATE workpool.slots s SET frozen = true FROM held h WHERE s.pool = h.pool AND s.worker = h.worker
)
SELECT c.name, pg_notify($4, '')::text AS told FROM changed c
