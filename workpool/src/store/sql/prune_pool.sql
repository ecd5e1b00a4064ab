-- $1 pool, $2 ended so many µs ago, $3 after id, $4 rows to look at, $5 rows to delete
-- One step of a walk over all ended work.
WITH looked AS MATERIALIZED (
    SELECT id, pool, finished_at FROM workpool.finished WHERE id > $3 ORDER BY id LIMIT $4
), gone AS (
    DELETE FROM workpool.finished
    WHERE id = ANY (ARRAY(
        SELECT f.id FROM workpool.finished f
        WHERE f.id = ANY (ARRAY(
            SELECT l.id FROM looked l
            WHERE l.pool = $1 AND l.finished_at <= statement_timestamp() - $2::bigint * interval '1 microsecond'
            ORDER BY l.id
            LIMIT $5
        ))
        ORDER BY f.id
        FOR UPDATE SKIP LOCKED
    ))
    RETURNING id
)
SELECT (SELECT count(*) FROM gone) AS gone, (SELECT id FROM looked ORDER BY id DESC LIMIT 1) AS last
