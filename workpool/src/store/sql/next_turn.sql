-- $1 worker, $2 pool, $3 items asked for, $4 items running here without those that end, $5 lower bound, $6 functions, $7 fence, $8 ids that
-- end, $9 results
-- turn.sql for one pool, and without writing to its slots: it claims no further than turn.sql has marked, and nobody falls asleep.
WITH mine AS MATERIALIZED (
    SELECT s.pool, LEAST($3, s.granted - $4) AS n, s.claimed_to, s.claimed_id
    FROM workpool.slots s
    WHERE s.worker = $1 AND s.pool = $2 AND NOT s.frozen
    FOR NO KEY UPDATE
), claimed AS (
    UPDATE workpool.work w
    -- The bounds are those of the columns: one row written by hand must not fail the claim of all.
    SET worker = $1, attempt = LEAST(w.attempt + 1, 1000000000), fence = LEAST(w.fence + 1, 1000000000), started_at = statement_timestamp()
    -- As in claim.sql; but `mine` is one row, and a join with it would cost as much as an item.
    WHERE w.ctid = ANY (ARRAY(
        SELECT i.ctid
        FROM workpool.work i
        WHERE i.pool = (SELECT pool FROM mine) AND i.worker IS NULL
            AND i.run_at >= $5::timestamptz AND i.run_at <= statement_timestamp()
            AND (i.run_at, i.id) <= ((SELECT claimed_to FROM mine), (SELECT claimed_id FROM mine))
            AND i.function = ANY ($6)
        ORDER BY i.run_at, i.id
        LIMIT GREATEST((SELECT n FROM mine), 0)
        FOR NO KEY UPDATE SKIP LOCKED
    ))
    RETURNING w.id, w.pool, w.function, w.kind, w.attempt, w.fence, w.run_at, w.callback IS NOT NULL AS calls,
        w.max_attempts, w.initial_backoff_ms, w.backoff_base, w.max_backoff_ms, w.trace, w.args
), gone AS (
    DELETE FROM workpool.work
    WHERE id = ANY ($8) AND worker = $1 AND fence = $7
    RETURNING id, pool, function, kind, name, attempt, enqueued_at, started_at, status_ttl_ms, errors
), kept AS (
    INSERT INTO workpool.finished (
        id, pool, function, kind, name, outcome, attempts, enqueued_at, started_at, finished_at, expires_at, result, errors
    )
    -- A turn has few ends: to search for each of them costs less than to hash them.
    SELECT g.id, g.pool, g.function, g.kind, g.name, 0, g.attempt, g.enqueued_at, g.started_at, statement_timestamp(),
        statement_timestamp() + g.status_ttl_ms * interval '1 millisecond', ($9::text[])[array_position($8::uuid[], g.id)]::json, g.errors
    FROM gone g
    WHERE g.status_ttl_ms IS NULL OR g.status_ttl_ms > 0
)
SELECT id, pool, function, kind, attempt, fence, run_at, statement_timestamp() AS claimed_at, calls,
    max_attempts, initial_backoff_ms, backoff_base, max_backoff_ms, trace::text AS trace, args, NULL::uuid[] AS ended
FROM claimed
UNION ALL
SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, COALESCE(array_agg(id), '{}')
FROM gone
