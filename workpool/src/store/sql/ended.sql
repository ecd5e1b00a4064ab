-- $1 id
SELECT outcome, finished_at, retried_as FROM workpool.finished WHERE id = $1
