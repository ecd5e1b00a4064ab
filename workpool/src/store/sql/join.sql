-- $1 worker, $2 pool, $3 functions that it runs, $4 those of them that share a transaction, $5 due time and $6 id of the first, $7 the most
-- What comes after the first in its own order, up to the first that cannot share its transaction: never claimed yet (whatever broke
-- a process must not break it in company again), and calling nobody back. Locked until that ends, and not marked: nobody else sees more than one of them run.
-- So is the first, before them and without waiting: whoever holds them waits for no row of work any more, in whatever order others lock these.
WITH mine AS MATERIALIZED (
    SELECT FROM workpool.work WHERE id = $6 AND worker = $1 FOR NO KEY UPDATE SKIP LOCKED
)
SELECT i.id, i.pool, i.function, i.kind, i.attempt + 1 AS attempt, i.fence + 1 AS fence, i.run_at, statement_timestamp() AS claimed_at,
    false AS calls, i.max_attempts, i.initial_backoff_ms, i.backoff_base, i.max_backoff_ms, i.trace::text AS trace, i.args
FROM workpool.work i
WHERE i.ctid = ANY (ARRAY(
    SELECT n.ctid
    FROM (
        SELECT d.ctid, bool_and(d.shares) OVER (ORDER BY d.run_at, d.id) AS shares
        FROM (
            SELECT w.ctid, w.run_at, w.id,
                w.function = ANY ($4) AND w.kind = 1 AND w.fence = 0 AND w.attempt = 0 AND w.callback IS NULL AS shares
            FROM workpool.work w
            WHERE w.pool = $2 AND w.worker IS NULL AND (w.run_at, w.id) > ($5, $6) AND w.run_at <= statement_timestamp()
                AND w.function = ANY ($3)
            ORDER BY w.run_at, w.id
            LIMIT $7
        ) d
    ) n
    WHERE n.shares
)) AND i.pool = $2 AND i.worker IS NULL AND EXISTS (SELECT FROM mine)
    -- A pause that has been committed stops it.
    AND EXISTS (SELECT FROM workpool.slots s WHERE s.worker = $1 AND s.pool = $2 AND NOT s.frozen)
FOR NO KEY UPDATE OF i SKIP LOCKED
