-- $1 worker, $2 lease in µs
UPDATE workpool.workers SET expires_at = clock_timestamp() + $2 * interval '1 microsecond'
WHERE id = $1 AND NOT dead
