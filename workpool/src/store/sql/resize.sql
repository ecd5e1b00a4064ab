-- $1 pool, $2 limit or null, $3 paused or null
-- A trigger freezes the slots of the pool, which is the barrier to claims, and tells the workers.
UPDATE workpool.pools
SET max_parallelism = COALESCE($2, max_parallelism), paused = COALESCE($3, paused)
WHERE name = $1
