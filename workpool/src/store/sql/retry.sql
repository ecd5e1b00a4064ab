-- $1 worker, $2 fence, $3 ids, $4 delays in µs, $5 errors
-- Work whose cancel was requested is left out: its caller ends it as canceled.
UPDATE workpool.work w
SET worker = NULL, run_at = statement_timestamp() + e.delay_us * interval '1 microsecond',
    errors = (w.errors || e.error::json)[GREATEST(COALESCE(array_length(w.errors, 1), 0) - 8, 1):]
FROM unnest($3::uuid[], $4::bigint[], $5::text[]) AS e (id, delay_us, error)
WHERE w.id = ANY ($3) AND w.id = e.id AND w.worker = $1 AND w.fence = $2 AND NOT w.cancel_requested
RETURNING w.id
