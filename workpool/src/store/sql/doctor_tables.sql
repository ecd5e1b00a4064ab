-- $1 schema
SELECT t.relname::text AS name, t.n_live_tup AS live, t.n_dead_tup AS dead, pg_total_relation_size(t.relid) AS bytes,
    extract(epoch FROM clock_timestamp() - GREATEST(t.last_vacuum, t.last_autovacuum))::double precision AS vacuumed_s,
    COALESCE(c.reloptions::text LIKE '%autovacuum_enabled=false%' OR c.reloptions::text LIKE '%autovacuum_enabled=off%', false) AS switched_off
FROM pg_stat_user_tables t
JOIN pg_class c ON c.oid = t.relid
WHERE t.schemaname = $1
ORDER BY bytes DESC
