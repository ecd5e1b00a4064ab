-- $1 id
-- What show leaves out: arguments, context, result.
SELECT i.args::text AS args, i.context::text AS context, i.result::text AS result
FROM (
    SELECT w.args, w.context, NULL::json AS result, 0 AS place FROM workpool.work w WHERE w.id = $1
    UNION ALL
    SELECT f.args, COALESCE(f.context, c.context), f.result, 1
    FROM workpool.finished f LEFT JOIN workpool.callbacks c ON c.id = f.id
    WHERE f.id = $1
) i
ORDER BY i.place
LIMIT 1
