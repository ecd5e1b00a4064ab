-- $1 worker, $2 fence, $3 ids, $4 lost?
-- Hands back attempts that were never entered: they do not count. What somebody canceled meanwhile comes back as such, to be canceled
-- again in the same transaction, now that it waits.
-- Lost ones of mutations and queries were rolled back by the database: they count as lost; canceled ones are left out.
UPDATE workpool.work
SET worker = NULL, attempt = GREATEST(attempt - CASE WHEN $4 THEN 0 ELSE 1 END, 0),
    lost = LEAST(lost + CASE WHEN $4 THEN 1 ELSE 0 END, 1000)
WHERE id = ANY ($3) AND worker = $1 AND fence = $2 AND NOT ($4 AND cancel_requested)
RETURNING id, cancel_requested
