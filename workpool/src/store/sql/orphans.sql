-- $1 after id, $2 rows to look at
-- One step of a slow walk over all work, for rows that nobody will recover, because their worker is not known at all:
-- somebody wrote them by hand.
WITH page AS MATERIALIZED (
    SELECT id, worker FROM workpool.work WHERE id > $1 ORDER BY id LIMIT $2
), lonely AS (
    SELECT p.id FROM page p
    WHERE p.worker IS NOT NULL AND NOT EXISTS (SELECT FROM workpool.workers w WHERE w.id = p.worker)
        AND NOT EXISTS (SELECT FROM workpool.slots s WHERE s.worker = p.worker)
), freed AS (
    UPDATE workpool.work w SET worker = NULL
    WHERE w.id = ANY (ARRAY(SELECT id FROM lonely)) AND w.worker IS NOT NULL
    RETURNING w.id
)
SELECT (SELECT count(*) FROM page) AS seen, (SELECT id FROM page ORDER BY id DESC LIMIT 1) AS last,
    ARRAY(SELECT id FROM freed) AS freed
