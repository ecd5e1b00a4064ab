-- $1 pool, $2 level
UPDATE workpool.pools SET log_level = $2 WHERE name = $1
