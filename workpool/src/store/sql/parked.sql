-- $1 limit
SELECT id, pool, work_function, callback, context::text AS context, outcome, attempt, parked_at, error::text AS error
FROM workpool.callbacks
WHERE parked_at IS NOT NULL
ORDER BY parked_at, id
LIMIT $1
