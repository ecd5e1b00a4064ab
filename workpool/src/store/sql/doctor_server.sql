-- What whoever may connect may know of the server.
SELECT current_setting('server_version_num')::integer AS version, current_setting('server_version') AS version_text,
    pg_is_in_recovery() AS standby,
    current_setting('fsync') AS fsync, current_setting('full_page_writes') AS full_page_writes,
    current_setting('synchronous_commit') AS synchronous_commit,
    current_setting('autovacuum') AS autovacuum, current_setting('track_counts') AS track_counts,
    current_setting('max_connections')::integer AS max_connections,
    (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS connections,
    (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'workpool listener') AS listeners,
    pg_notification_queue_usage() AS queue, clock_timestamp() AS clock,
    (SELECT age(datfrozenxid)::bigint FROM pg_database WHERE datname = current_database()) AS xid_age
