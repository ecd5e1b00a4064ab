-- $1 names, $2 limits, $3 retry by default?, $4 attempts, $5 initial, $6 base, $7 cap, $8 ttls
-- Seeds only: a row that exists rules over the code. Returns the rows as they are, in order to point out differences; of those that
-- somebody has added just now, which this cannot see, that they are there.
WITH given AS (
    SELECT * FROM unnest(
        $1::text[], $2::bigint[], $3::boolean[], $4::integer[], $5::bigint[], $6::double precision[], $7::bigint[], $8::bigint[]
    ) AS s (name, max_parallelism, by_default, attempts, initial, base, cap, ttl)
), seeded AS (
    INSERT INTO workpool.pools (
        name, max_parallelism, retry_actions_by_default, max_attempts, initial_backoff_ms, backoff_base, max_backoff_ms, status_ttl_ms
    )
    SELECT * FROM given ORDER BY name
    ON CONFLICT (name) DO NOTHING
    RETURNING name
)
SELECT g.name,
    COALESCE(p.max_parallelism, g.max_parallelism) AS max_parallelism,
    COALESCE(p.retry_actions_by_default, g.by_default) AS retry_actions_by_default,
    CASE WHEN p.name IS NULL THEN g.ttl ELSE p.status_ttl_ms END AS status_ttl_ms
FROM given g
LEFT JOIN workpool.pools p ON p.name = g.name
WHERE g.name NOT IN (SELECT name FROM seeded)
