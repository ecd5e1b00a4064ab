-- $1 pool, $2 seconds
-- Only a hint: whoever watches does not wait for a transaction that has paused or resized the pool.
WITH free AS MATERIALIZED (
    SELECT name FROM workpool.pools
    WHERE name = $1 AND watched_until < statement_timestamp() + $2 * interval '0.5 second'
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE workpool.pools SET watched_until = statement_timestamp() + $2 * interval '1 second'
WHERE name = ANY (ARRAY(SELECT name FROM free))
