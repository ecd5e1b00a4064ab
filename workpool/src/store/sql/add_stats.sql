-- $1 pools, $2 succeeded, $3 failed, $4 retries, $5 canceled
INSERT INTO workpool.stats (pool, succeeded, failed, retries, canceled, stopped)
SELECT e.pool, e.succeeded, e.failed, e.retries, e.canceled, e.canceled
FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[]) AS e (pool, succeeded, failed, retries, canceled)
