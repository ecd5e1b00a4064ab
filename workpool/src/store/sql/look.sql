-- $1 pool
-- What a report measures beyond its counts: since when the first item in line is due, and how many callbacks were given up. Bounded,
-- whatever there is.
SELECT
    (
        SELECT (extract(epoch FROM statement_timestamp() - w.run_at) * 1000000)::bigint
        FROM workpool.work w
        WHERE w.pool = $1 AND w.worker IS NULL AND w.run_at <= statement_timestamp()
        ORDER BY w.run_at, w.id
        LIMIT 1
    ) AS overdue_us,
    (
        SELECT count(*) FROM (
            SELECT c.pool FROM workpool.callbacks c
            WHERE c.parked_at IS NOT NULL
            ORDER BY c.parked_at DESC, c.id DESC
            LIMIT 1000
        ) n
        WHERE n.pool = $1
    ) AS parked
