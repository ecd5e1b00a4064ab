-- What keeps vacuum from removing dead rows, and so lets tables grow: the oldest of each kind. Of sessions of other users, only whoever
-- may read statistics sees the times.
(
    SELECT 'session' AS kind, a.pid::text AS name, a.state AS state,
        concat_ws(', ', a.usename, nullif(a.application_name, ''), host(a.client_addr)) AS what,
        extract(epoch FROM clock_timestamp() - a.xact_start)::double precision AS seconds,
        age(a.backend_xmin)::bigint AS xids
    FROM pg_stat_activity a
    WHERE a.xact_start < clock_timestamp() - interval '1 minute' AND a.pid <> pg_backend_pid()
        AND a.datname = current_database() AND a.backend_type = 'client backend'
    ORDER BY a.xact_start
    LIMIT 10
)
UNION ALL
(
    SELECT 'prepared', p.gid, NULL, p.owner, extract(epoch FROM clock_timestamp() - p.prepared)::double precision, age(p.transaction)::bigint
    FROM pg_prepared_xacts p
    WHERE p.database = current_database()
    ORDER BY p.prepared
    LIMIT 10
)
UNION ALL
(
    SELECT 'slot', s.slot_name, CASE WHEN s.active THEN 'active' ELSE 'inactive' END, s.slot_type, NULL,
        GREATEST(age(s.xmin), age(s.catalog_xmin))::bigint
    FROM pg_replication_slots s
    WHERE s.xmin IS NOT NULL OR NOT s.active
    ORDER BY s.slot_name
    LIMIT 10
)
UNION ALL
(
    SELECT 'standby', r.application_name, r.state, host(r.client_addr), NULL, age(r.backend_xmin)::bigint
    FROM pg_stat_replication r
    WHERE r.backend_xmin IS NOT NULL
    ORDER BY r.pid
    LIMIT 10
)
