-- $1 state or null (0 due, 1 running, 2 parked), $2 and $3 and $4 after section (0 parked, 1 others), time and id, $5 rows, $6 rows to look at
-- Parked ones by the time at which they were given up, then the others by due time: two indexes, one after the other.
WITH looked AS MATERIALIZED (
    SELECT x.section, x.at, x.id, x.matches
    FROM (
        (
            SELECT 0 AS section, c.parked_at AS at, c.id, true AS matches
            FROM workpool.callbacks c
            WHERE c.parked_at IS NOT NULL AND ($1::smallint IS NULL OR $1::smallint = 2)
                AND $2::integer = 0 AND (c.parked_at, c.id) > ($3::timestamptz, $4::uuid)
            ORDER BY c.parked_at, c.id
            LIMIT $5::bigint + 1
        )
        UNION ALL
        (
            SELECT 1, c.run_at, c.id, $1::smallint IS NULL OR (c.worker IS NOT NULL) = ($1::smallint = 1)
            FROM workpool.callbacks c
            WHERE c.parked_at IS NULL AND ($1::smallint IS NULL OR $1::smallint < 2)
                AND (c.run_at, c.id) > (
                    CASE WHEN $2::integer = 1 THEN $3::timestamptz ELSE '-infinity' END,
                    CASE WHEN $2::integer = 1 THEN $4::uuid ELSE '00000000-0000-0000-0000-000000000000' END
                )
            ORDER BY c.run_at, c.id
            LIMIT $6::bigint
        )
    ) x
), horizon AS MATERIALIZED (
    SELECT section, at, id FROM looked
    WHERE section = 1 AND (SELECT count(*) FROM looked WHERE section = 1) >= $6::bigint
    ORDER BY at DESC, id DESC
    LIMIT 1
), hit AS MATERIALIZED (
    SELECT section, at, id FROM looked WHERE matches ORDER BY section, at, id LIMIT $5::bigint + 1
)
SELECT statement_timestamp() AS now, h.at AS horizon_at, h.id AS horizon_id,
    hit.section, c.id, c.pool, c.work_function, c.callback, c.outcome, c.attempt, c.run_at, c.parked_at, c.worker, c.error::text AS error
FROM (VALUES (1)) one (one)
LEFT JOIN horizon h ON true
LEFT JOIN (hit JOIN workpool.callbacks c ON c.id = hit.id) ON true
ORDER BY hit.section, hit.at, hit.id
