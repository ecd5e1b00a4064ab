-- $1 pools, $2 succeeded, $3 failed, $4 retries, $5 canceled, $6 lags in µs and $7 the longest, $8 durations in µs and $9 the longest
INSERT INTO workpool.stats (
    pool, succeeded, failed, retries, canceled, stopped, lag_us, lag_max_us, duration_us, duration_max_us
)
SELECT e.pool, e.succeeded, e.failed, e.retries, e.canceled, e.canceled, e.lag, e.lag_max, e.duration, e.duration_max
FROM unnest(
    $1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[]
) AS e (pool, succeeded, failed, retries, canceled, lag, lag_max, duration, duration_max)
