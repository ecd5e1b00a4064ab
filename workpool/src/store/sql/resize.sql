-- $1 pool, $2 limit or null, $3 paused or null, $4 channel
-- Freezing the slots waits for claims under way, which hold their rows, and stops later ones until they have been taken anew
-- under the new limit: after the commit nothing starts that the new values forbid.
WITH changed AS (
    UPDATE workpool.pools p
    SET max_parallelism = COALESCE($2, p.max_parallelism), paused = COALESCE($3, p.paused)
    WHERE p.name = $1
    RETURNING p.name
), frozen AS (
    UPDATE workpool.slots s SET frozen = true FROM changed c WHERE s.pool = c.name
)
SELECT c.name, pg_notify($4, '')::text AS told FROM changed c
