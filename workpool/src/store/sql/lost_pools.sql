-- Pools that have work and no row: nobody serves them. From one pool to the next by the index.
WITH RECURSIVE each_pool AS (
    (SELECT w.pool::text AS pool FROM workpool.work w ORDER BY w.pool LIMIT 1)
    UNION ALL
    SELECT (SELECT w.pool::text FROM workpool.work w WHERE w.pool > e.pool ORDER BY w.pool LIMIT 1)
    FROM each_pool e
    WHERE e.pool IS NOT NULL
)
SELECT e.pool FROM each_pool e
WHERE e.pool IS NOT NULL AND NOT EXISTS (SELECT FROM workpool.pools p WHERE p.name = e.pool)
ORDER BY e.pool
