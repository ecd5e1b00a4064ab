-- $1 dead worker, $2 limit
-- What a dead worker held, as far as nobody has it locked: a mutation that is just committing ends by itself.
-- It claimed nothing beyond (claimed_to, claimed_id), so the walk along the index is short.
SELECT w.id, w.pool, w.function, w.kind, w.attempt, w.fence, w.lost, w.cancel_requested,
    w.max_attempts, w.initial_backoff_ms, w.backoff_base, w.max_backoff_ms
FROM workpool.work w
WHERE w.worker = $1 AND w.id = ANY (ARRAY(
    SELECT i.id
    FROM workpool.slots s
    CROSS JOIN LATERAL (
        SELECT x.id FROM workpool.work x
        WHERE x.pool = s.pool AND (x.run_at, x.id) <= (s.claimed_to, s.claimed_id) AND x.worker = s.worker
        ORDER BY x.run_at, x.id
        LIMIT $2
    ) i
    WHERE s.worker = $1
))
ORDER BY w.id
LIMIT $2
FOR UPDATE SKIP LOCKED
