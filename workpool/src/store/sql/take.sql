-- $1 worker, $2 pools, $3 running here, $4 slots that it could use
-- Runs in the transaction that locked the rows of the pools and our own, as a later statement: its snapshot must be newer than the
-- locks, or workers that waited for one another would each count the same slots as free.
WITH others AS (
    SELECT pool, sum(granted)::bigint AS granted FROM workpool.slots
    WHERE pool = ANY ($2) AND worker <> $1
    GROUP BY pool
), offer AS (
    SELECT p.name AS pool, a.running, a.usable, p.paused, p.max_parallelism, COALESCE(o.granted, 0) AS others,
        a.running + GREATEST(0, LEAST(
            a.usable - a.running,
            CASE WHEN p.paused THEN 0 ELSE p.max_parallelism - COALESCE(o.granted, 0) - a.running END
        )) AS granted
    FROM unnest($2::text[], $3::bigint[], $4::bigint[]) AS a (pool, running, usable)
    JOIN workpool.pools p ON p.name = a.pool
    LEFT JOIN others o ON o.pool = a.pool
)
UPDATE workpool.slots s
SET granted = o.granted,
    frozen = o.paused OR o.others + o.granted > o.max_parallelism,
    wanted = GREATEST(0, o.usable - o.granted)
FROM offer o
WHERE s.worker = $1 AND s.pool = o.pool
RETURNING s.pool, s.granted, s.frozen
