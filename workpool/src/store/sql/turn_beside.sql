-- $1 to $10 as in turn.sql, of which $7 has no effect
-- The same beside others of this worker: the lock on its slots is shared, which stops whoever pauses, resizes or recovers as well, but writes
-- nothing there. So it claims no further than the last turn.sql has marked, and nobody falls asleep.
WITH mine AS MATERIALIZED (
    SELECT s.pool, a.since, LEAST(a.asked, s.granted - a.running) AS n, s.claimed_to, s.claimed_id
    FROM workpool.slots s
    JOIN unnest($2::text[], $3::bigint[], $4::bigint[], $5::timestamptz[], $7::boolean[])
        AS a (pool, asked, running, since, asleep) ON a.pool = s.pool
    WHERE s.worker = $1 AND s.pool = ANY ($2) AND NOT s.frozen
    ORDER BY s.pool
    FOR SHARE OF s
), claimed AS (
    UPDATE workpool.work w
    -- The bounds are those of the columns: one row written by hand must not fail the claim of all.
    SET worker = $1, attempt = LEAST(w.attempt + 1, 1000000000), fence = LEAST(w.fence + 1, 1000000000), started_at = statement_timestamp()
    -- = ANY (ARRAY(…)) evaluates the choice once; IN (…) may evaluate it again for each row, and claim more than the limit, or
    -- hash-join over the whole table. Locked rows do not move, so their places say which they are; one that had moved between the
    -- snapshot and its lock is not found there, and waits for the next claim.
    WHERE w.ctid = ANY (ARRAY(
        SELECT d.ctid
        FROM mine m
        CROSS JOIN LATERAL (
            SELECT i.ctid
            FROM workpool.work i
            -- statement_timestamp(), not clock_timestamp(): a volatile function cannot bound the index scan.
            WHERE i.pool = m.pool AND i.worker IS NULL
                AND i.run_at >= m.since AND i.run_at <= statement_timestamp()
                AND (i.run_at, i.id) <= (m.claimed_to, m.claimed_id)
                AND i.function = ANY ($6)
            ORDER BY i.run_at, i.id
            LIMIT GREATEST(m.n, 0)
            FOR NO KEY UPDATE SKIP LOCKED
        ) d
    ))
    RETURNING w.id, w.pool, w.function, w.kind, w.attempt, w.fence, w.run_at, w.callback IS NOT NULL AS calls,
        w.max_attempts, w.initial_backoff_ms, w.backoff_base, w.max_backoff_ms, w.trace, w.args
), gone AS (
    DELETE FROM workpool.work
    WHERE id = ANY ($9) AND worker = $1 AND fence = $8
    RETURNING id, pool, function, kind, name, attempt, enqueued_at, started_at, status_ttl_ms, errors
), kept AS (
    INSERT INTO workpool.finished (
        id, pool, function, kind, name, outcome, attempts, enqueued_at, started_at, finished_at, expires_at, result, errors
    )
    SELECT g.id, g.pool, g.function, g.kind, g.name, 0, g.attempt, g.enqueued_at, g.started_at, statement_timestamp(),
        statement_timestamp() + g.status_ttl_ms * interval '1 millisecond', e.result::json, g.errors
    FROM gone g
    -- FULL, because it can only be hashed or merged.
    FULL JOIN unnest($9::uuid[], $10::text[]) AS e (id, result) ON e.id = g.id
    WHERE g.pool IS NOT NULL AND (g.status_ttl_ms IS NULL OR g.status_ttl_ms > 0)
)
SELECT id, pool, function, kind, attempt, fence, run_at, statement_timestamp() AS claimed_at, calls,
    max_attempts, initial_backoff_ms, backoff_base, max_backoff_ms, trace::text AS trace, args
FROM claimed
UNION ALL
SELECT id, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM gone
