-- $1 worker, $2 fence, $3 ids, $4 lost?
-- Hands back attempts that were never entered: they do not count. Lost ones of mutations and queries were rolled back by the database; they count as lost.
UPDATE workpool.work
SET worker = NULL, attempt = GREATEST(attempt - CASE WHEN $4 THEN 0 ELSE 1 END, 0), lost = LEAST(lost + CASE WHEN $4 THEN 1 ELSE 0 END, 1000)
WHERE id = ANY ($3) AND worker = $1 AND fence = $2 AND NOT cancel_requested
RETURNING id
