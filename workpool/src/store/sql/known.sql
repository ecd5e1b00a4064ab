-- $1 ids
-- Which of these have been stored, ended or not.
SELECT id FROM workpool.work WHERE id = ANY ($1)
UNION
SELECT id FROM workpool.finished WHERE id = ANY ($1)
