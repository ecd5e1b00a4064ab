-- $1 worker that asks
-- Whoever expired before the asking worker registered needs no second opinion: a jump of the clock would have moved both.
SELECT w.id, w.expires_at, w.lease_us, w.dead OR w.expires_at < me.started_at AS dead, w.expires_at < clock_timestamp() AS expired
FROM workpool.workers me
JOIN workpool.workers w ON w.id <> me.id
WHERE me.id = $1
