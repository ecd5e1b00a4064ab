-- $1 worker, $2 pools, $3 items asked for, $4 items running here without those that end, $5 lower bounds, $6 functions, $7 sleep when it finds
-- less than asked?, $8 fence, $9 ids that end, $10 results, $11 how many due items to mark as claimed for next_turn.sql;
-- zero: none
-- claim.sql and succeed.sql in one statement and one commit, for pools whose slots are all in use: the slots of what ends are claimed
-- for again. Slots are locked before work, as everywhere: the claim comes first.
WITH mine AS MATERIALIZED (
    SELECT s.pool, a.since, LEAST(a.asked, s.granted - a.running) AS n, a.asleep, s.asleep AS was_asleep, a.ahead
    FROM workpool.slots s
    JOIN unnest($2::text[], $3::bigint[], $4::bigint[], $5::timestamptz[], $7::boolean[], $11::bigint[])
        AS a (pool, asked, running, since, asleep, ahead) ON a.pool = s.pool
    WHERE s.worker = $1 AND s.pool = ANY ($2) AND NOT s.frozen
    ORDER BY s.pool
    FOR NO KEY UPDATE OF s
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
                AND i.function = ANY ($6)
            ORDER BY i.run_at, i.id
            LIMIT GREATEST(m.n, 0)
            FOR NO KEY UPDATE SKIP LOCKED
        ) d
    ))
    RETURNING w.id, w.pool, w.function, w.kind, w.attempt, w.fence, w.run_at, w.callback IS NOT NULL AS calls,
        w.max_attempts, w.initial_backoff_ms, w.backoff_base, w.max_backoff_ms, w.trace, w.args
), ahead AS (
    -- What is up to there counts as claimed from now on, so that next_turn.sql, which writes nothing to the slots, may claim it.
    SELECT m.pool, l.run_at, l.id
    FROM mine m
    CROSS JOIN LATERAL (
        SELECT i.run_at, i.id
        FROM workpool.work i
        WHERE i.pool = m.pool AND i.worker IS NULL
            AND i.run_at >= m.since AND i.run_at <= statement_timestamp()
            AND i.function = ANY ($6)
        ORDER BY i.run_at, i.id
        OFFSET m.ahead LIMIT 1
    ) l
    WHERE m.ahead > 0
), marked AS (
    UPDATE workpool.slots s
    SET claimed_to = CASE WHEN (c.run_at, c.id) > (s.claimed_to, s.claimed_id) THEN c.run_at ELSE s.claimed_to END,
        claimed_id = CASE WHEN (c.run_at, c.id) > (s.claimed_to, s.claimed_id) THEN c.id ELSE s.claimed_id END,
        asleep = m.asleep
    FROM mine m
    LEFT JOIN (
        SELECT DISTINCT ON (pool) pool, run_at, id
        FROM (SELECT pool, run_at, id FROM claimed UNION ALL SELECT pool, run_at, id FROM ahead) r
        ORDER BY pool, run_at DESC, id DESC
    ) c ON c.pool = m.pool
    WHERE s.worker = $1 AND s.pool = m.pool
        AND ((c.run_at, c.id) > (s.claimed_to, s.claimed_id) OR m.asleep <> m.was_asleep)
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
    max_attempts, initial_backoff_ms, backoff_base, max_backoff_ms, trace::text AS trace, args, NULL::uuid[] AS ended
FROM claimed
UNION ALL
SELECT NULL, pool, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM ahead
UNION ALL
SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, COALESCE(array_agg(id), '{}')
FROM gone
