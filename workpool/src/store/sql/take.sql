-- $1 worker, $2 pools, $3 running here, $4 slots that it could use
-- Runs in the transaction that locked the rows of the pools and our own, as a later statement: its snapshot must be newer than the
-- locks, or workers that waited for one another would each count the same slots as free.
WITH offer AS (
    SELECT p.name AS pool, a.running, a.usable, p.paused, p.max_parallelism, o.granted AS others,
        a.running + GREATEST(0, LEAST(
            a.usable - a.running,
            CASE WHEN p.paused THEN 0 ELSE p.max_parallelism - o.granted - a.running END
        )) AS granted
    FROM unnest($2::text[], $3::bigint[], $4::bigint[]) AS a (pool, running, usable)
    JOIN workpool.pools p ON p.name = a.pool
    -- Pool by pool: joined as a whole, it may be counted anew for each.
    CROSS JOIN LATERAL (
        SELECT COALESCE(sum(s.granted), 0)::bigint AS granted FROM workpool.slots s
        WHERE s.pool = p.name AND s.worker <> $1
    ) o
)
UPDATE workpool.slots s
SET granted = o.granted,
    frozen = o.paused OR o.others + o.granted > o.max_parallelism,
    wanted = GREATEST(0, o.usable - o.granted)
FROM offer o
WHERE s.worker = $1 AND s.pool = o.pool
RETURNING s.pool, s.granted, s.frozen
