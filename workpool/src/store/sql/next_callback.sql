-- $1 callbacks that it knows
-- Microseconds until the next callback is due.
SELECT (extract(epoch FROM run_at - statement_timestamp()) * 1000000)::bigint AS in_us
FROM workpool.callbacks
WHERE parked_at IS NULL AND worker IS NULL AND callback = ANY ($1)
ORDER BY run_at, id
LIMIT 1
