-- $1 worker, $2 fence and $3 id of the first, $4 ids of all, $5 results, $6 microseconds since each was entered
-- The common end of several in one transaction (`join.sql`): the others end with the first, or not at all.
WITH first AS (
    DELETE FROM workpool.work
    WHERE id = $3 AND worker = $1 AND fence = $2
    RETURNING id, pool, function, kind, name, attempt, enqueued_at, status_ttl_ms, errors
), others AS (
    DELETE FROM workpool.work
    WHERE id = ANY ($4) AND worker IS NULL AND EXISTS (SELECT FROM first)
    RETURNING id, pool, function, kind, name, attempt + 1, enqueued_at, status_ttl_ms, errors
), gone AS (
    SELECT * FROM first UNION ALL SELECT * FROM others
), kept AS (
    INSERT INTO workpool.finished (
        id, pool, function, kind, name, outcome, attempts, enqueued_at, started_at, finished_at, expires_at, result, errors
    )
    SELECT g.id, g.pool, g.function, g.kind, g.name, 0, g.attempt, g.enqueued_at,
        statement_timestamp() - e.ago * interval '1 microsecond', statement_timestamp(),
        statement_timestamp() + g.status_ttl_ms * interval '1 millisecond', e.result::json, g.errors
    FROM gone g
    -- FULL, because it can only be hashed or merged.
    FULL JOIN unnest($4::uuid[], $5::text[], $6::bigint[]) AS e (id, result, ago) ON e.id = g.id
    WHERE g.pool IS NOT NULL AND (g.status_ttl_ms IS NULL OR g.status_ttl_ms > 0)
)
SELECT id FROM gone
