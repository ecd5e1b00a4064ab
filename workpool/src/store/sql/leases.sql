-- $1 worker that asks
SELECT id, expires_at, dead, expires_at < clock_timestamp() AS expired FROM workpool.workers WHERE id <> $1
