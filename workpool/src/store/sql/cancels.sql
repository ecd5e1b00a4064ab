-- $1 worker, $2 ids of what it runs
SELECT id, attempt FROM workpool.work WHERE id = ANY ($2) AND worker = $1 AND cancel_requested
