-- $1 pool, $2 channel
-- What enqueue.sql does at its end, for what was enqueued without a word.
SELECT
    CASE WHEN EXISTS (SELECT FROM workpool.slots s WHERE s.pool = $1 AND s.asleep) AND pg_notification_queue_usage() < 0.5
        THEN pg_notify($2, CASE WHEN octet_length($1) <= 64 THEN '+' || $1 ELSE '' END) IS NOT NULL
        ELSE false
    END AS notified
