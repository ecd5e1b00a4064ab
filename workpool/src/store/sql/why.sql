-- $1 id, $2 the most items to count
-- What can keep an item from running.
SELECT statement_timestamp() AS now, w.pool, w.function, w.attempt, w.run_at, w.worker, w.started_at, w.cancel_requested,
    w.errors[array_upper(w.errors, 1)]::text AS error,
    (extract(epoch FROM w.run_at - statement_timestamp()) * 1000)::bigint AS in_ms,
    k.host, k.pid, k.id IS NULL OR k.dead OR k.expires_at < clock_timestamp() AS abandoned,
    p.max_parallelism, p.paused, l.workers, l.knowing, l.serving, g.granted, r.running, b.items AS before
FROM workpool.work w
LEFT JOIN workpool.pools p ON p.name = w.pool
LEFT JOIN workpool.workers k ON k.id = w.worker
CROSS JOIN LATERAL (
    SELECT count(*) AS workers, count(*) FILTER (WHERE w.function = ANY (v.functions)) AS knowing,
        count(s.worker) FILTER (WHERE w.function = ANY (v.functions)) AS serving
    FROM workpool.workers v
    LEFT JOIN workpool.slots s ON s.worker = v.id AND s.pool = w.pool
    WHERE NOT v.dead AND v.expires_at > clock_timestamp()
) l
CROSS JOIN LATERAL (SELECT COALESCE(sum(s.granted), 0)::bigint AS granted FROM workpool.slots s WHERE s.pool = w.pool) g
LEFT JOIN LATERAL (
    SELECT claimed_to, claimed_id FROM workpool.slots WHERE pool = w.pool
    ORDER BY claimed_to DESC, claimed_id DESC LIMIT 1
) c ON true
CROSS JOIN LATERAL (
    -- No worker claimed beyond that, which has to be known before the walk along the index begins.
    SELECT count(x.worker) AS running
    FROM (
        SELECT o.worker FROM workpool.work o
        WHERE o.pool = w.pool AND (o.run_at, o.id) <= (c.claimed_to, c.claimed_id)
        ORDER BY o.run_at, o.id
        LIMIT $2::bigint
    ) x
) r
CROSS JOIN LATERAL (
    SELECT count(*) AS items
    FROM (
        SELECT FROM workpool.work o
        WHERE o.pool = w.pool AND o.worker IS NULL AND o.run_at <= statement_timestamp() AND (o.run_at, o.id) < (w.run_at, w.id)
        ORDER BY o.run_at, o.id
        LIMIT $2::bigint + 1
    ) x
) b
WHERE w.id = $1
