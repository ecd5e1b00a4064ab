DELETE FROM workpool.stats WHERE at < statement_timestamp() - interval '2 hours'
