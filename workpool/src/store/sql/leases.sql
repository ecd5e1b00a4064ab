-- $1 worker that asks
SELECT w.id, w.expires_at, w.lease_us,
    (extract(epoch FROM LEAST(GREATEST(w.expires_at, n), n + interval '1 day') - n) * 1000000)::bigint AS expires_in_us,
    w.dead, w.expires_at < clock_timestamp() AS expired
FROM clock_timestamp() AS n
CROSS JOIN workpool.workers w
WHERE w.id <> $1
