-- $1 id, $2 worker, $3 fence, $4 delay in µs or null to park it, $5 error
UPDATE workpool.callbacks
SET worker = NULL, error = $5::json,
    run_at = COALESCE(statement_timestamp() + $4::bigint * interval '1 microsecond', run_at),
    parked_at = CASE WHEN $4::bigint IS NULL THEN statement_timestamp() END
WHERE id = $1 AND worker = $2 AND fence = $3
