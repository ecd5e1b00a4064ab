-- $1 id
SELECT outcome, result::text AS result, array_remove(errors::text[], NULL) AS errors, attempts, false AS waiting FROM workpool.finished WHERE id = $1
UNION ALL
SELECT NULL, NULL, NULL, NULL, true FROM workpool.work WHERE id = $1
