-- Sums up what was written more than ten minutes ago, to one row for each pool and minute: charts and overviews read the whole hour.
-- Two that do this at once take the same rows one after the other, and the second finds them gone.
WITH many AS (
    SELECT pool, date_trunc('minute', at) AS minute FROM workpool.stats
    WHERE at < date_trunc('minute', statement_timestamp()) - interval '10 minutes'
    GROUP BY 1, 2
    HAVING count(*) > 1
), gone AS (
    DELETE FROM workpool.stats s USING many m
    WHERE s.pool = m.pool AND s.at >= m.minute AND s.at < m.minute + interval '1 minute'
    RETURNING s.*
)
INSERT INTO workpool.stats (
    pool, at, succeeded, failed, retries, canceled, stopped, lag_us, lag_max_us, duration_us, duration_max_us
)
SELECT pool, date_trunc('minute', at), sum(succeeded), sum(failed), sum(retries), sum(canceled), sum(stopped),
    sum(lag_us), max(lag_max_us), sum(duration_us), max(duration_max_us)
FROM gone
GROUP BY 1, 2
