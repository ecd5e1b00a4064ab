-- $1 ids, $2 channel
WITH parked AS MATERIALIZED (
    SELECT id FROM workpool.callbacks WHERE id = ANY ($1) AND parked_at IS NOT NULL ORDER BY id FOR NO KEY UPDATE
), replayed AS (
    UPDATE workpool.callbacks SET parked_at = NULL, attempt = 0, run_at = statement_timestamp()
    WHERE id = ANY (ARRAY(SELECT id FROM parked)) AND parked_at IS NOT NULL
    RETURNING id
)
SELECT count(*) AS replayed, CASE WHEN pg_notification_queue_usage() < 0.5 THEN pg_notify($2, '!')::text END AS told FROM replayed
