-- $1 pools, $2 functions
-- Microseconds until the next item of each pool is due, by the clock of the database; at most zero: now.
SELECT p.pool, (extract(epoch FROM d.run_at - statement_timestamp()) * 1000000)::bigint AS in_us
FROM unnest($1::text[]) AS p (pool)
CROSS JOIN LATERAL (
    SELECT w.run_at FROM workpool.work w
    WHERE w.pool = p.pool AND w.worker IS NULL AND w.function = ANY ($2)
    ORDER BY w.run_at, w.id
    LIMIT 1
) d
