-- $1 names, $2 limits, $3 retry by default?, $4 attempts, $5 initial, $6 base, $7 cap, $8 ttls
-- Seeds only: a row that exists rules over the code. Returns the rows as they are, in order to point out differences.
WITH seeded AS (
    INSERT INTO workpool.pools (
        name, max_parallelism, retry_actions_by_default, max_attempts, initial_backoff_ms, backoff_base, max_backoff_ms, status_ttl_ms
    )
    SELECT * FROM unnest(
        $1::text[], $2::bigint[], $3::boolean[], $4::integer[], $5::bigint[], $6::double precision[], $7::bigint[], $8::bigint[]
    ) AS s (name, max_parallelism, by_default, attempts, initial, base, cap, ttl)
    ORDER BY name
    ON CONFLICT (name) DO NOTHING
    RETURNING name
)
SELECT name, max_parallelism, retry_actions_by_default, status_ttl_ms FROM workpool.pools
WHERE name = ANY ($1) AND name NOT IN (SELECT name FROM seeded)
