-- Functions of due work, and of due callbacks, that no live worker knows.
SELECT w.function, w.pool, count(*) AS items
FROM (
    (SELECT function, pool FROM workpool.work WHERE worker IS NULL AND run_at <= statement_timestamp() LIMIT 10000)
    UNION ALL
    (
        SELECT callback, pool FROM workpool.callbacks
        WHERE parked_at IS NULL AND worker IS NULL AND run_at <= statement_timestamp()
        ORDER BY run_at, id
        LIMIT 10000
    )
) w
WHERE NOT EXISTS (
    SELECT FROM workpool.workers k WHERE NOT k.dead AND k.expires_at > clock_timestamp() AND w.function = ANY (k.functions)
)
GROUP BY w.function, w.pool
ORDER BY w.function, w.pool
