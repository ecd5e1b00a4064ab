-- $1 limit
SELECT at, who, action, target, outcome FROM workpool.audit ORDER BY id DESC LIMIT $1
