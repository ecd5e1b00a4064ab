-- $1 channel, $2 payload
SELECT pg_notify($1, $2)::text WHERE pg_notification_queue_usage() < 0.5
