-- $1 worker
SELECT pool FROM workpool.slots WHERE worker = $1 ORDER BY pool FOR UPDATE
