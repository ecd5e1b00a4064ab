-- $1 worker
-- All that a worker wants to know once in a while, about all pools. Without slots: granted is null.
SELECT p.name AS pool, s.granted, COALESCE(s.frozen, false) AS frozen, p.max_parallelism, p.paused, p.log_level,
    p.watched_until > statement_timestamp() AS watched,
    COALESCE(o.wanted, 0) AS wanted_by_others, COALESCE(o.claimants, 0) AS other_claimants, COALESCE(o.others, 0) AS others
FROM workpool.pools p
LEFT JOIN workpool.slots s ON s.pool = p.name AND s.worker = $1
LEFT JOIN LATERAL (
    SELECT sum(x.wanted)::bigint AS wanted, count(*) AS others,
        count(*) FILTER (WHERE x.granted > 0 OR x.wanted > 0) AS claimants
    FROM workpool.slots x WHERE x.pool = p.name AND x.worker <> $1
) o ON true
