-- $1 worker, $2 pools to leave out
SELECT pool FROM workpool.slots WHERE worker = $1 AND pool <> ALL ($2) ORDER BY pool FOR UPDATE
