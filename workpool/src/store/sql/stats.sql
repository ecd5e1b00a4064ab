-- $1 pools, $2 since when and $3 until when for each, or null for the last minute
SELECT p.name AS pool, p.max_parallelism, p.paused,
    COALESCE(c.succeeded, 0) AS succeeded, COALESCE(c.failed, 0) AS failed, COALESCE(c.retries, 0) AS retries,
    COALESCE(c.canceled, 0) AS canceled, COALESCE(c.stopped, 0) AS stopped,
    r.running, GREATEST(n.due - r.running, 0) AS backlog,
    (
        SELECT count(*) FROM (
            SELECT FROM workpool.work w WHERE w.pool = p.name AND w.run_at > statement_timestamp() LIMIT 100000
        ) n
    ) AS scheduled
FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) AS a (pool, since, until)
JOIN workpool.pools p ON p.name = a.pool
LEFT JOIN LATERAL (
    SELECT sum(s.succeeded)::bigint AS succeeded, sum(s.failed)::bigint AS failed, sum(s.retries)::bigint AS retries,
        sum(s.canceled)::bigint AS canceled, sum(s.stopped)::bigint AS stopped
    FROM workpool.stats s
    WHERE s.pool = p.name AND s.at > COALESCE(a.since, statement_timestamp() - interval '1 minute')
        AND s.at <= COALESCE(a.until, statement_timestamp())
) c ON true
CROSS JOIN LATERAL (
    -- No worker claimed beyond that: the walk is short even with a long backlog.
    SELECT count(*) AS running
    FROM (
        SELECT s.claimed_to, s.claimed_id FROM workpool.slots s WHERE s.pool = p.name
        ORDER BY s.claimed_to DESC, s.claimed_id DESC LIMIT 1
    ) s
    JOIN workpool.work w ON (w.run_at, w.id) <= (s.claimed_to, s.claimed_id)
    WHERE w.pool = p.name AND w.worker IS NOT NULL
) r
CROSS JOIN LATERAL (
    -- With what runs, since the index alone can count that.
    SELECT count(*) AS due FROM (
        SELECT FROM workpool.work w
        WHERE w.pool = p.name AND w.run_at <= statement_timestamp()
        LIMIT 100000 + r.running
    ) n
) n
ORDER BY p.name
