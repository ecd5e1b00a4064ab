-- $1 limit
-- For people and tests: what has not ended, oldest due time first.
SELECT w.id, w.pool, w.function, w.name, w.attempt, w.worker IS NOT NULL AS running, w.run_at, w.run_at <= statement_timestamp() AS due,
    w.args::text AS args, array_remove(w.errors::text[], NULL) AS errors, p.name IS NULL AS no_pool, COALESCE(p.paused, false) AS paused,
    COALESCE(p.max_parallelism, 0) AS max_parallelism
FROM workpool.work w
LEFT JOIN workpool.pools p ON p.name = w.pool
ORDER BY w.run_at, w.id
LIMIT $1
