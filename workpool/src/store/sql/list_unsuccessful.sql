-- $1 pool or null, $2 outcome (1 failed, 2 canceled), $3 and $4 before finished_at and id, $5 rows, $6 rows to look at,
-- $7 function, $8 ended so many µs ago, $9 name, $10 text of an error
-- As list_unended, latest first.
WITH RECURSIVE each_pool AS (
    (SELECT f.pool FROM workpool.finished f WHERE $1::text IS NULL AND f.outcome <> 0 ORDER BY f.pool LIMIT 1)
    UNION ALL
    SELECT (SELECT f.pool FROM workpool.finished f WHERE f.outcome <> 0 AND f.pool > e.pool ORDER BY f.pool LIMIT 1)
    FROM each_pool e
    WHERE e.pool IS NOT NULL
), walk AS MATERIALIZED (
    SELECT e.pool, GREATEST($6::bigint / count(*) OVER (), $5::bigint + 1) AS rows
    FROM (SELECT pool FROM each_pool WHERE pool IS NOT NULL UNION ALL SELECT $1 WHERE $1 IS NOT NULL) e
), looked AS MATERIALIZED (
    SELECT p.pool, p.rows, x.finished_at, x.id, x.matches
    FROM walk p
    CROSS JOIN LATERAL (
        SELECT f.finished_at, f.id,
            ($7::text IS NULL OR f.function = $7)
            AND ($9::text IS NULL OR f.name = $9)
            AND ($10::text IS NULL OR EXISTS (
                SELECT FROM unnest(f.errors::text[]) AS t (error)
                WHERE position(lower($10) IN lower(CASE
                    -- Some escapes cannot become text.
                    WHEN position('\u' IN t.error) > 0 THEN t.error
                    ELSE COALESCE(t.error::json ->> 'message', t.error) || ' ' || COALESCE(t.error::json ->> 'sources', '')
                END)) > 0
            )) AS matches
        FROM workpool.finished f
        WHERE f.outcome <> 0 AND f.outcome = $2::smallint AND f.pool = p.pool AND (f.finished_at, f.id) < ($3::timestamptz, $4::uuid)
            AND f.finished_at <= statement_timestamp() - COALESCE($8::bigint, 0) * interval '1 microsecond'
        ORDER BY f.finished_at DESC, f.id DESC
        LIMIT p.rows
    ) x
), horizon AS MATERIALIZED (
    SELECT e.finished_at, e.id
    FROM (
        SELECT DISTINCT ON (l.pool) l.finished_at, l.id, count(*) OVER (PARTITION BY l.pool) >= l.rows AS cut
        FROM looked l
        ORDER BY l.pool, l.finished_at, l.id
    ) e
    WHERE e.cut
    ORDER BY e.finished_at DESC, e.id DESC
    LIMIT 1
), hit AS MATERIALIZED (
    SELECT l.finished_at, l.id FROM looked l
    WHERE l.matches AND NOT EXISTS (SELECT FROM horizon h WHERE (l.finished_at, l.id) < (h.finished_at, h.id))
    ORDER BY l.finished_at DESC, l.id DESC
    LIMIT $5::bigint + 1
)
SELECT statement_timestamp() AS now, h.finished_at AS horizon_at, h.id AS horizon_id,
    f.id, f.pool, f.function, f.kind, f.name, f.attempts, f.enqueued_at, NULL::timestamptz AS run_at, f.started_at, f.finished_at,
    f.outcome, NULL::uuid AS worker, false AS cancel_requested,
    f.errors[array_upper(f.errors, 1)]::text AS error, f.retried_as
FROM (VALUES (1)) one (one)
LEFT JOIN horizon h ON true
LEFT JOIN (hit JOIN workpool.finished f ON f.id = hit.id) ON true
ORDER BY f.finished_at DESC, f.id DESC
