-- $1 dead worker, $2 limit
-- What a dead worker held, as far as nobody has it locked: a mutation that is just committing ends by itself.
-- It claimed nothing beyond claimed_to, so the walk along the index is short.
SELECT w.id, w.pool, w.function, w.kind, w.attempt, w.fence, w.lost, w.cancel_requested,
    w.max_attempts, w.initial_backoff_ms, w.backoff_base, w.max_backoff_ms
FROM workpool.slots s
CROSS JOIN LATERAL (
    SELECT i.* FROM workpool.work i
    WHERE i.pool = s.pool AND i.run_at <= s.claimed_to AND i.worker = s.worker
    ORDER BY i.run_at, i.id
    LIMIT $2
    FOR UPDATE SKIP LOCKED
) w
WHERE s.worker = $1
ORDER BY w.id
LIMIT $2
