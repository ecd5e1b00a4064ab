-- $1 pools, $2 functions, $3 until when
-- Those of the pools in which something waits that was due before a time, and how long it took to find out, in microseconds.
SELECT COALESCE(array_agg(o.pool), '{}') AS pools, (extract(epoch FROM clock_timestamp() - statement_timestamp()) * 1000000)::bigint AS took_us
FROM (
    SELECT p.pool
    FROM unnest($1::text[], $3::timestamptz[]) AS p (pool, until)
    CROSS JOIN LATERAL (
        SELECT FROM workpool.work w
        WHERE w.pool = p.pool AND w.worker IS NULL AND w.run_at < p.until AND w.function = ANY ($2)
        ORDER BY w.run_at, w.id
        LIMIT 1
    ) w
) o
