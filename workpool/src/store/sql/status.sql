-- $1 ids
SELECT w.id, w.pool, w.function, w.name, w.attempt, w.worker IS NOT NULL AS running, w.cancel_requested,
    w.enqueued_at, w.started_at, w.run_at, NULL::timestamptz AS finished_at, NULL::smallint AS outcome, array_remove(w.errors::text[], NULL) AS errors
FROM workpool.work w WHERE w.id = ANY ($1)
UNION ALL
SELECT f.id, f.pool, f.function, f.name, f.attempts, false, false,
    f.enqueued_at, f.started_at, NULL, f.finished_at, f.outcome, array_remove(f.errors::text[], NULL)
FROM workpool.finished f WHERE f.id = ANY ($1)
