-- $1 pool, or null for all, $2 the most items to count, $3 the most in all of a kind
-- Each count walks a part of work_due of bounded length, in its order: with many pools, a shorter part of each.
WITH bound AS MATERIALIZED (
    SELECT LEAST($2::bigint, GREATEST(1000, $3::bigint / GREATEST(count(*), 1))) AS items FROM workpool.pools WHERE $1::text IS NULL OR name = $1
), known AS MATERIALIZED (
    SELECT DISTINCT f.name FROM workpool.workers k CROSS JOIN unnest(k.functions) AS f (name)
    WHERE NOT k.dead AND k.expires_at > clock_timestamp()
)
SELECT p.name, p.max_parallelism, p.paused, (SELECT items FROM bound) AS bound,
    r.running, r.looked > (SELECT items FROM bound) AS running_more, d.items AS due, s.items AS scheduled,
    (extract(epoch FROM statement_timestamp() - d.oldest) * 1000)::bigint AS lag_ms, d.unknown, d.unknown_function,
    l.workers, c.items AS parked,
    e.minute_succeeded, e.minute_failed, e.minute_retries, e.minute_canceled,
    e.hour_succeeded, e.hour_failed, e.hour_retries, e.hour_canceled,
    e.late_ended, e.late_failed
FROM workpool.pools p
LEFT JOIN LATERAL (
    SELECT claimed_to, claimed_id FROM workpool.slots WHERE pool = p.name
    ORDER BY claimed_to DESC, claimed_id DESC LIMIT 1
) b ON true
CROSS JOIN LATERAL (
    -- No worker claimed beyond that. It has to be there before the walk begins, to be where the walk along the index ends.
    SELECT count(*) AS looked, count(x.worker) AS running
    FROM (
        SELECT w.worker FROM workpool.work w
        WHERE w.pool = p.name AND (w.run_at, w.id) <= (b.claimed_to, b.claimed_id)
        ORDER BY w.run_at, w.id
        LIMIT (SELECT items + 1 FROM bound)
    ) x
) r
CROSS JOIN LATERAL (
    SELECT count(*) AS items, min(x.run_at) AS oldest,
        count(*) FILTER (WHERE k.name IS NULL) AS unknown, min(x.function) FILTER (WHERE k.name IS NULL) AS unknown_function
    FROM (
        SELECT w.run_at, w.function FROM workpool.work w
        WHERE w.pool = p.name AND w.worker IS NULL AND w.run_at <= statement_timestamp()
        ORDER BY w.run_at, w.id
        LIMIT (SELECT items + 1 FROM bound)
    ) x
    LEFT JOIN known k ON k.name = x.function
) d
CROSS JOIN LATERAL (
    SELECT count(*) AS items
    FROM (
        SELECT FROM workpool.work w
        WHERE w.pool = p.name AND w.worker IS NULL AND w.run_at > statement_timestamp()
        ORDER BY w.run_at, w.id
        LIMIT (SELECT items + 1 FROM bound)
    ) x
) s
CROSS JOIN LATERAL (
    SELECT count(*) AS workers
    FROM workpool.slots g JOIN workpool.workers k ON k.id = g.worker
    WHERE g.pool = p.name AND NOT k.dead AND k.expires_at > clock_timestamp()
) l
LEFT JOIN (
    SELECT x.pool, count(*) AS items
    FROM (SELECT pool FROM workpool.callbacks WHERE parked_at IS NOT NULL ORDER BY parked_at, id LIMIT (SELECT items + 1 FROM bound)) x
    GROUP BY x.pool
) c ON c.pool = p.name
CROSS JOIN LATERAL (
    SELECT
        COALESCE(sum(t.succeeded) FILTER (WHERE t.at > statement_timestamp() - interval '1 minute'), 0)::bigint AS minute_succeeded,
        COALESCE(sum(t.failed) FILTER (WHERE t.at > statement_timestamp() - interval '1 minute'), 0)::bigint AS minute_failed,
        COALESCE(sum(t.retries) FILTER (WHERE t.at > statement_timestamp() - interval '1 minute'), 0)::bigint AS minute_retries,
        COALESCE(sum(t.canceled) FILTER (WHERE t.at > statement_timestamp() - interval '1 minute'), 0)::bigint AS minute_canceled,
        COALESCE(sum(t.succeeded), 0)::bigint AS hour_succeeded, COALESCE(sum(t.failed), 0)::bigint AS hour_failed,
        COALESCE(sum(t.retries), 0)::bigint AS hour_retries, COALESCE(sum(t.canceled), 0)::bigint AS hour_canceled,
        COALESCE(sum(t.succeeded + t.failed + t.retries) FILTER (WHERE t.at > statement_timestamp() - interval '5 minutes'), 0)::bigint AS late_ended,
        COALESCE(sum(t.failed + t.retries) FILTER (WHERE t.at > statement_timestamp() - interval '5 minutes'), 0)::bigint AS late_failed
    FROM workpool.stats t
    WHERE t.pool = p.name AND t.at > statement_timestamp() - interval '1 hour'
) e
WHERE $1::text IS NULL OR p.name = $1
ORDER BY p.name
