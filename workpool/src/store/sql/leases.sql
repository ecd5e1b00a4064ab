-- $1 worker that asks
-- Whoever expired before the asking worker registered needs no second opinion: a jump of the clock would have moved both.
SELECT w.id, w.expires_at, w.lease_us,
    (extract(epoch FROM LEAST(GREATEST(w.expires_at, n), n + interval '1 day') - n) * 1000000)::bigint AS expires_in_us,
    w.dead OR w.expires_at < me.started_at AS dead, w.expires_at < clock_timestamp() AS expired
FROM clock_timestamp() AS n
CROSS JOIN workpool.workers me
JOIN workpool.workers w ON w.id <> me.id
WHERE me.id = $1
