-- $1 pool, or null for all, $2 seconds of a bucket, $3 buckets
-- Whole buckets, counted from 1970, so that they stay the same from look to look; the last one is not over yet.
WITH span AS (
    SELECT n, to_timestamp(n * $2::bigint) AS at
    FROM (SELECT floor(extract(epoch FROM statement_timestamp()) / $2::bigint)::bigint AS last) l
    CROSS JOIN LATERAL generate_series(l.last - $3::bigint + 1, l.last) AS n
), sums AS (
    SELECT floor(extract(epoch FROM s.at) / $2::bigint)::bigint AS n,
        sum(s.succeeded)::bigint AS succeeded, sum(s.failed)::bigint AS failed, sum(s.retries)::bigint AS retries,
        sum(s.canceled)::bigint AS canceled, sum(s.stopped)::bigint AS stopped,
        sum(s.lag_us)::bigint AS lag_us, max(s.lag_max_us) AS lag_max_us,
        sum(s.duration_us)::bigint AS duration_us, max(s.duration_max_us) AS duration_max_us
    FROM workpool.stats s
    WHERE ($1::text IS NULL OR s.pool = $1) AND s.at >= (SELECT min(at) FROM span)
    GROUP BY 1
)
SELECT b.at, COALESCE(s.succeeded, 0) AS succeeded, COALESCE(s.failed, 0) AS failed, COALESCE(s.retries, 0) AS retries,
    COALESCE(s.canceled, 0) AS canceled, COALESCE(s.succeeded + s.failed + s.retries + s.stopped, 0) AS attempts,
    COALESCE(s.lag_us, 0) AS lag_us, COALESCE(s.lag_max_us, 0) AS lag_max_us,
    COALESCE(s.duration_us, 0) AS duration_us, COALESCE(s.duration_max_us, 0) AS duration_max_us
FROM span b
LEFT JOIN sums s ON s.n = b.n
ORDER BY b.n
