-- $1 pool or null, $2 state or null (0 due, 1 scheduled, 2 retrying, 3 running), $3 and $4 after run_at and id, $5 rows, $6 rows to look at,
-- $7 function, $8 enqueued so many µs ago, $9 name, $10 text of an error
-- Pools are walked side by side, each a part of work_due of bounded length. Beyond the first place at which a walk ended because of
-- its bound (the horizon), other pools may have rows that it has not: what lies there is left for the next page.
WITH RECURSIVE each_pool AS (
    -- The pools that have work, from one to the next by the index.
    (SELECT w.pool::text AS pool FROM workpool.work w WHERE $1::text IS NULL ORDER BY w.pool LIMIT 1)
    UNION ALL
    SELECT (SELECT w.pool::text FROM workpool.work w WHERE w.pool > e.pool ORDER BY w.pool LIMIT 1)
    FROM each_pool e
    WHERE e.pool IS NOT NULL
), walk AS MATERIALIZED (
    SELECT e.pool, GREATEST($6::bigint / count(*) OVER (), $5::bigint + 1) AS rows
    FROM (SELECT pool FROM each_pool WHERE pool IS NOT NULL UNION ALL SELECT $1 WHERE $1 IS NOT NULL) e
), looked AS MATERIALIZED (
    SELECT p.pool, p.rows, x.run_at, x.id, x.matches
    FROM walk p
    CROSS JOIN LATERAL (
        -- Running: no worker claimed beyond that.
        SELECT
            CASE WHEN $2::smallint IN (1, 2) AND $3::timestamptz < statement_timestamp() THEN statement_timestamp() ELSE $3::timestamptz END AS low_at,
            CASE WHEN $2::smallint IN (1, 2) AND $3::timestamptz < statement_timestamp() THEN 'ffffffff-ffff-ffff-ffff-ffffffffffff' ELSE $4::uuid END AS low_id,
            CASE $2::smallint WHEN 0 THEN statement_timestamp() WHEN 3 THEN COALESCE(c.claimed_to, 'epoch') ELSE 'infinity' END AS high_at,
            CASE $2::smallint WHEN 3 THEN COALESCE(c.claimed_id, '00000000-0000-0000-0000-000000000000') ELSE 'ffffffff-ffff-ffff-ffff-ffffffffffff' END AS high_id
        FROM (VALUES (1)) one (one)
        LEFT JOIN (
            SELECT s.claimed_to, s.claimed_id FROM workpool.slots s WHERE s.pool = p.pool
            ORDER BY s.claimed_to DESC, s.claimed_id DESC LIMIT 1
        ) c ON true
    ) b
    CROSS JOIN LATERAL (
        SELECT w.run_at, w.id,
            CASE $2::smallint WHEN 0 THEN w.worker IS NULL WHEN 1 THEN w.worker IS NULL AND w.attempt = 0
                WHEN 2 THEN w.worker IS NULL AND w.attempt > 0 WHEN 3 THEN w.worker IS NOT NULL ELSE true END
            AND ($7::text IS NULL OR w.function = $7)
            AND ($8::bigint IS NULL OR w.enqueued_at <= statement_timestamp() - $8::bigint * interval '1 microsecond')
            AND ($9::text IS NULL OR w.name = $9)
            AND ($10::text IS NULL OR EXISTS (
                SELECT FROM unnest(w.errors::text[]) AS t (error)
                WHERE position(lower($10) IN lower(CASE
                    -- Some escapes cannot become text.
                    WHEN position('\u' IN t.error) > 0 THEN t.error
                    ELSE COALESCE(t.error::json ->> 'message', t.error) || ' ' || COALESCE(t.error::json ->> 'sources', '')
                END)) > 0
            )) AS matches
        FROM workpool.work w
        WHERE w.pool = p.pool AND (w.run_at, w.id) > (b.low_at, b.low_id) AND (w.run_at, w.id) <= (b.high_at, b.high_id)
        ORDER BY w.run_at, w.id
        LIMIT p.rows
    ) x
), horizon AS MATERIALIZED (
    SELECT e.run_at, e.id
    FROM (
        SELECT DISTINCT ON (l.pool) l.run_at, l.id, count(*) OVER (PARTITION BY l.pool) >= l.rows AS cut
        FROM looked l
        ORDER BY l.pool, l.run_at DESC, l.id DESC
    ) e
    WHERE e.cut
    ORDER BY e.run_at, e.id
    LIMIT 1
), hit AS MATERIALIZED (
    SELECT l.run_at, l.id FROM looked l
    WHERE l.matches AND NOT EXISTS (SELECT FROM horizon h WHERE (l.run_at, l.id) > (h.run_at, h.id))
    ORDER BY l.run_at, l.id
    LIMIT $5::bigint + 1
)
SELECT statement_timestamp() AS now, h.run_at AS horizon_at, h.id AS horizon_id,
    w.id, w.pool, w.function, w.kind, w.name, w.attempt AS attempts, w.enqueued_at, w.run_at, w.started_at, NULL::timestamptz AS finished_at,
    NULL::smallint AS outcome, w.worker, w.cancel_requested,
    w.errors[array_upper(w.errors, 1)]::text AS error, NULL::uuid AS retried_as
FROM (VALUES (1)) one (one)
LEFT JOIN horizon h ON true
LEFT JOIN (hit JOIN workpool.work w ON w.id = hit.id) ON true
ORDER BY w.run_at, w.id
