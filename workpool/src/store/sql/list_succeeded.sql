-- $1 pool or null, $2 unused, $3 unused and $4 before id, $5 rows, $6 rows to look at,
-- $7 function, $8 ended so many µs ago, $9 name, $10 text of an error
-- A success pays for no index of its own: they are read by id, latest made first.
WITH looked AS MATERIALIZED (
    SELECT f.id,
        f.outcome = 0
        AND ($1::text IS NULL OR f.pool = $1)
        AND ($7::text IS NULL OR f.function = $7)
        AND ($8::bigint IS NULL OR f.finished_at <= statement_timestamp() - $8 * interval '1 microsecond')
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
    WHERE f.id < $4::uuid
    ORDER BY f.id DESC
    LIMIT $6::bigint
), horizon AS MATERIALIZED (
    SELECT id FROM looked WHERE (SELECT count(*) FROM looked) >= $6::bigint ORDER BY id LIMIT 1
), hit AS MATERIALIZED (
    SELECT id FROM looked WHERE matches ORDER BY id DESC LIMIT $5::bigint + 1
)
SELECT statement_timestamp() AS now, $3::timestamptz AS horizon_at, h.id AS horizon_id, $2::smallint AS state,
    f.id, f.pool, f.function, f.kind, f.name, f.attempts, f.enqueued_at, NULL::timestamptz AS run_at, f.started_at, f.finished_at,
    f.outcome, NULL::uuid AS worker, false AS cancel_requested,
    f.errors[array_upper(f.errors, 1)]::text AS error, f.retried_as
FROM (VALUES (1)) one (one)
LEFT JOIN horizon h ON true
LEFT JOIN (hit JOIN workpool.finished f ON f.id = hit.id) ON true
ORDER BY f.id DESC
