-- $1 pool, $2 function or null, $3 with running?, $4 limit
-- The snapshot of this statement is the cut-off: work that is committed later is not touched.
SELECT id FROM workpool.work
WHERE pool = $1 AND ($2::text IS NULL OR function = $2) AND ($3 OR worker IS NULL) AND NOT cancel_requested
ORDER BY id
LIMIT $4
