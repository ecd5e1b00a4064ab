-- $1 pool, $2 seconds
UPDATE workpool.pools SET watched_until = statement_timestamp() + $2 * interval '1 second'
WHERE name = $1 AND watched_until < statement_timestamp() + $2 * interval '0.5 second'
