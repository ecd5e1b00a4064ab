-- $1 who, or null for the user of the database, $2 action, $3 target, $4 outcome
INSERT INTO workpool.audit (who, action, target, outcome) VALUES (COALESCE($1::text, session_user), $2, $3, $4)
