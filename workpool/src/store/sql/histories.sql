-- $1 pools, $2 seconds of a bucket, $3 buckets
-- The same buckets as those of `history`, of several pools, without those in which nothing ended.
WITH span AS MATERIALIZED (
    SELECT to_timestamp((floor(extract(epoch FROM statement_timestamp()) / $2::bigint)::bigint - $3::bigint + 1) * $2::bigint) AS begun
)
SELECT p.pool, x.*
FROM unnest($1::text[]) AS p (pool)
CROSS JOIN span
CROSS JOIN LATERAL (
    SELECT to_timestamp(floor(extract(epoch FROM s.at) / $2::bigint)::bigint * $2::bigint) AS at,
        sum(s.succeeded)::bigint AS succeeded, sum(s.failed)::bigint AS failed, sum(s.retries)::bigint AS retries,
        sum(s.canceled)::bigint AS canceled, sum(s.succeeded + s.failed + s.retries + s.stopped)::bigint AS attempts,
        sum(s.lag_us)::bigint AS lag_us, max(s.lag_max_us) AS lag_max_us,
        sum(s.duration_us)::bigint AS duration_us, max(s.duration_max_us) AS duration_max_us
    FROM workpool.stats s
    WHERE s.pool = p.pool AND s.at >= span.begun
    GROUP BY 1
) x
ORDER BY p.pool, x.at
