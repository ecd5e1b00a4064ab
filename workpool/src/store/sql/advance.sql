-- $1 milliseconds
-- For tests: as if that much time had passed for everything that waits.
WITH work AS (
    UPDATE workpool.work SET run_at = GREATEST(run_at - $1 * interval '1 millisecond', 'epoch') WHERE worker IS NULL
), callbacks AS (
    UPDATE workpool.callbacks SET run_at = run_at - $1 * interval '1 millisecond' WHERE worker IS NULL
)
UPDATE workpool.finished SET expires_at = expires_at - $1 * interval '1 millisecond' WHERE expires_at IS NOT NULL
