-- $1 ids, $2 channel
WITH replayed AS (
    UPDATE workpool.callbacks SET parked_at = NULL, attempt = 0, run_at = statement_timestamp()
    WHERE id = ANY ($1) AND parked_at IS NOT NULL
    RETURNING id
)
SELECT count(*) AS replayed, pg_notify($2, '!')::text AS told FROM replayed
