-- $1 limit
DELETE FROM workpool.finished
WHERE id = ANY (ARRAY(
    SELECT id FROM workpool.finished WHERE expires_at <= statement_timestamp()
    ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED
))
