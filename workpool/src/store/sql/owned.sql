-- $1 id, $2 worker, $3 fence
-- FOR SHARE: neither its end nor its recovery can commit before the transaction that asks.
SELECT id FROM workpool.work WHERE id = $1 AND worker = $2 AND fence = $3 FOR SHARE
