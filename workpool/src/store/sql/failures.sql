-- $1 pool or null, $2 since so many µs, $3 rows to look at
-- The latest failures of each pool, as much as is looked at, by the first line of their error; the caller groups what looks alike.
WITH RECURSIVE each_pool AS (
    (SELECT f.pool FROM workpool.finished f WHERE $1::text IS NULL AND f.outcome <> 0 ORDER BY f.pool LIMIT 1)
    UNION ALL
    SELECT (SELECT f.pool FROM workpool.finished f WHERE f.outcome <> 0 AND f.pool > e.pool ORDER BY f.pool LIMIT 1)
    FROM each_pool e
    WHERE e.pool IS NOT NULL
), walk AS MATERIALIZED (
    SELECT e.pool, GREATEST($3::bigint / count(*) OVER (), 1) AS rows
    FROM (SELECT pool FROM each_pool WHERE pool IS NOT NULL UNION ALL SELECT $1 WHERE $1 IS NOT NULL) e
)
SELECT p.pool, x.function, x.line, count(*) AS items, count(x.retried_as) AS retried,
    (array_agg(x.id ORDER BY x.finished_at DESC, x.id DESC))[1] AS latest, max(x.finished_at) AS latest_at
FROM walk p
CROSS JOIN LATERAL (
    SELECT f.function, f.id, f.finished_at, f.retried_as,
        left(split_part(CASE
            WHEN e.error IS NULL THEN 'the reason was not stored'
            -- Some escapes cannot become text.
            WHEN e.error ~* '\\u(0000|d[89a-f])' THEN e.error
            ELSE COALESCE(e.error::json ->> 'message', e.error)
        END, chr(10), 1), 300) AS line
    FROM workpool.finished f
    CROSS JOIN LATERAL (SELECT f.errors[array_upper(f.errors, 1)]::text AS error) e
    WHERE f.outcome <> 0 AND f.outcome = 1 AND f.pool = p.pool
        AND f.finished_at >= statement_timestamp() - $2::bigint * interval '1 microsecond'
    ORDER BY f.finished_at DESC, f.id DESC
    LIMIT p.rows
) x
GROUP BY 1, 2, 3
