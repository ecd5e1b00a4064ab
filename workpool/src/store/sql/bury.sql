-- $1 workers that have been silent for long enough by the clock of the one that asks
-- Marks workers whose lease has run out, or whose row somebody deleted, as dead. From this commit on nothing of theirs can start:
-- their slots are frozen, and they cannot renew.
WITH expired AS MATERIALIZED (
    SELECT id FROM workpool.workers
    WHERE id = ANY ($1) AND (dead OR expires_at < clock_timestamp())
    ORDER BY id
    FOR UPDATE SKIP LOCKED
), dead AS (
    UPDATE workpool.workers w SET dead = true FROM expired e WHERE w.id = e.id RETURNING w.id
), vanished AS (
    SELECT g.id
    FROM (
        SELECT worker AS id FROM workpool.slots
        UNION SELECT worker FROM workpool.callbacks WHERE worker IS NOT NULL
    ) g
    WHERE NOT EXISTS (SELECT FROM workpool.workers w WHERE w.id = g.id)
    LIMIT 32
), chosen AS (
    SELECT id FROM dead UNION ALL SELECT id FROM vanished
), held AS MATERIALIZED (
    SELECT s.pool, s.worker FROM workpool.slots s
    WHERE s.worker = ANY (ARRAY(SELECT id FROM chosen))
    ORDER BY s.pool, s.worker
    FOR NO KEY UPDATE
), frozen AS (
    UPDATE workpool.slots s SET frozen = true, wanted = 0, asleep = false
    FROM held h
    WHERE s.pool = h.pool AND s.worker = h.worker
)
SELECT id FROM chosen
