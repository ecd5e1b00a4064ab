-- $1 pools
SELECT name FROM workpool.pools WHERE name = ANY ($1) ORDER BY name FOR NO KEY UPDATE
