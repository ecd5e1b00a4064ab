-- Functions of due work that no live worker knows.
SELECT w.function, w.pool, count(*) AS items
FROM (
    SELECT function, pool FROM workpool.work WHERE worker IS NULL AND run_at <= statement_timestamp() LIMIT 10000
) w
WHERE NOT EXISTS (
    SELECT FROM workpool.workers k WHERE NOT k.dead AND k.expires_at > clock_timestamp() AND w.function = ANY (k.functions)
)
GROUP BY w.function, w.pool
ORDER BY w.function, w.pool
