SELECT k.id, k.host, k.pid, k.version, k.started_at, k.functions,
    (extract(epoch FROM k.expires_at - clock_timestamp()) * 1000)::bigint AS lease_left_ms,
    NOT k.dead AND k.expires_at > clock_timestamp() AS alive
FROM workpool.workers k
ORDER BY alive DESC, k.started_at, k.id
