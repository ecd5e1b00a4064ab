-- $1 id
SELECT pool FROM workpool.work WHERE id = $1
