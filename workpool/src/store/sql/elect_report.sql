-- $1 pools, $2 window in seconds
-- Whoever moves reported_at reports the window behind it: one process, once a window.
WITH due AS MATERIALIZED (
    SELECT name, reported_at FROM workpool.pools
    WHERE name = ANY ($1) AND reported_at <= statement_timestamp() - $2 * interval '1 second'
    ORDER BY name
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE workpool.pools p SET reported_at = statement_timestamp()
FROM due d WHERE p.name = d.name
RETURNING p.name AS pool, d.reported_at AS since, p.reported_at AS until
