-- $1 worker, $2 fence, $3 ids, $4 results
-- The common end: success, and nobody to call back. What finish.sql does in general, with nothing that this does not need: an id that is
-- among the ended already is refused, and then ended by that.
WITH gone AS (
    DELETE FROM workpool.work
    WHERE id = ANY ($3) AND worker = $1 AND fence = $2
    RETURNING id, pool, function, kind, name, attempt, enqueued_at, started_at, status_ttl_ms, errors
), kept AS (
    INSERT INTO workpool.finished (
        id, pool, function, kind, name, outcome, attempts, enqueued_at, started_at, finished_at, expires_at, result, errors
    )
    SELECT g.id, g.pool, g.function, g.kind, g.name, 0, g.attempt, g.enqueued_at, g.started_at, statement_timestamp(),
        statement_timestamp() + g.status_ttl_ms * interval '1 millisecond', e.result::json, g.errors
    FROM gone g
    -- FULL, because it can only be hashed or merged.
    FULL JOIN unnest($3::uuid[], $4::text[]) AS e (id, result) ON e.id = g.id
    WHERE g.pool IS NOT NULL AND (g.status_ttl_ms IS NULL OR g.status_ttl_ms > 0)
)
SELECT COALESCE(array_agg(id), '{}') AS ended FROM gone
