-- For tests: what keeps a drain from being over.
SELECT
    (SELECT count(*) FROM workpool.work WHERE worker IS NOT NULL)
        + (SELECT count(*) FROM workpool.callbacks WHERE parked_at IS NULL AND worker IS NOT NULL) AS running,
    (SELECT count(*) FROM workpool.work WHERE worker IS NULL AND run_at <= statement_timestamp()) AS due,
    (SELECT count(*) FROM workpool.callbacks WHERE parked_at IS NULL AND (worker IS NOT NULL OR run_at <= statement_timestamp())) AS callbacks
