-- $1 worker, $2 pool, $3 items asked for, $4 items running here, $5 lower bound, $6 functions, $7 sleep when it finds less than asked?
-- claim.sql for one pool, which is what an item that comes now and then waits for: without joins.
WITH mine AS MATERIALIZED (
    SELECT s.pool, LEAST($3, s.granted - $4) AS n, s.claimed_to, s.claimed_id, s.asleep AS was_asleep
    FROM workpool.slots s
    WHERE s.worker = $1 AND s.pool = $2 AND NOT s.frozen
    FOR NO KEY UPDATE
), claimed AS (
    UPDATE workpool.work w
    -- The bounds are those of the columns: one row written by hand must not fail the claim of all.
    SET worker = $1, attempt = LEAST(w.attempt + 1, 1000000000), fence = LEAST(w.fence + 1, 1000000000), started_at = statement_timestamp()
    -- As in claim.sql.
    WHERE w.ctid = ANY (ARRAY(
        SELECT i.ctid
        FROM workpool.work i
        WHERE i.pool = (SELECT pool FROM mine) AND i.worker IS NULL
            AND i.run_at >= $5::timestamptz AND i.run_at <= statement_timestamp()
            AND i.function = ANY ($6)
        ORDER BY i.run_at, i.id
        LIMIT GREATEST((SELECT n FROM mine), 0)
        FOR NO KEY UPDATE SKIP LOCKED
    ))
    RETURNING w.id, w.pool, w.function, w.kind, w.attempt, w.fence, w.run_at, w.callback IS NOT NULL AS calls,
        w.max_attempts, w.initial_backoff_ms, w.backoff_base, w.max_backoff_ms, w.trace, w.args
), marked AS (
    UPDATE workpool.slots s
    SET claimed_to = COALESCE(c.run_at, s.claimed_to), claimed_id = COALESCE(c.id, s.claimed_id), asleep = $7::boolean
    FROM mine m
    LEFT JOIN (
        -- While the claims keep up with what comes, what comes within a moment counts as claimed too: those claims write nothing here. More
        -- than can be enqueued in that moment, recovery does not walk over in vain.
        SELECT CASE WHEN l.run_at >= statement_timestamp() - interval '200 milliseconds'
            THEN statement_timestamp() + interval '200 milliseconds' ELSE l.run_at END AS run_at, l.id
        FROM (SELECT run_at, id FROM claimed ORDER BY run_at DESC, id DESC LIMIT 1) l
        WHERE (l.run_at, l.id) > ((SELECT claimed_to FROM mine), (SELECT claimed_id FROM mine))
    ) c ON true
    WHERE s.worker = $1 AND s.pool = m.pool AND (c.id IS NOT NULL OR $7::boolean <> m.was_asleep)
)
-- In no order, and without arithmetic: that is cheaper where they are started.
SELECT id, pool, function, kind, attempt, fence, run_at, statement_timestamp() AS claimed_at, calls,
    max_attempts, initial_backoff_ms, backoff_base, max_backoff_ms, trace::text AS trace, args
FROM claimed
