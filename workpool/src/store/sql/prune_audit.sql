DELETE FROM workpool.audit WHERE at < statement_timestamp() - interval '30 days'
