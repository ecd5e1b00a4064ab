-- $1 worker, $2 lease in µs, $3 host, $4 pid, $5 version, $6 functions
INSERT INTO workpool.workers (id, expires_at, lease_us, host, pid, version, functions)
VALUES ($1, clock_timestamp() + $2 * interval '1 microsecond', $2, $3, $4, $5, $6)
