-- $1 pools, $2 functions, $3 the most items to count, $4 where to begin
-- Of each pool that has any: microseconds until the next item is due, by the clock of the database (at most zero: now), and how
-- many are due.
SELECT p.pool, (extract(epoch FROM d.run_at - statement_timestamp()) * 1000000)::bigint AS in_us, d.items
FROM unnest($1::text[], $4::timestamptz[]) AS p (pool, since)
CROSS JOIN LATERAL (
    SELECT min(n.run_at) AS run_at, count(*) FILTER (WHERE n.run_at <= statement_timestamp()) AS items
    FROM (
        SELECT w.run_at FROM workpool.work w
        WHERE w.pool = p.pool AND w.worker IS NULL AND w.run_at >= p.since AND w.function = ANY ($2)
        ORDER BY w.run_at, w.id
        LIMIT $3
    ) n
) d
WHERE d.run_at IS NOT NULL
