-- $1 pool, or null for all
SELECT name, max_parallelism, retry_actions_by_default, status_ttl_ms
FROM workpool.pools
WHERE $1::text IS NULL OR name = $1
ORDER BY name
