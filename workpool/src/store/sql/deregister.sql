-- $1 worker
WITH slots AS (DELETE FROM workpool.slots WHERE worker = $1)
DELETE FROM workpool.workers WHERE id = $1
