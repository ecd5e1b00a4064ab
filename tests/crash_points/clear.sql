-- Everything that a case has left, so that the next one begins with an empty database.
DROP TRIGGER IF EXISTS refuse ON callback_ledger;
DROP SEQUENCE IF EXISTS refusals;
DELETE FROM workpool.work;
DELETE FROM workpool.finished;
DELETE FROM workpool.callbacks;
DELETE FROM workpool.stats;
DELETE FROM workpool.slots;
DELETE FROM workpool.workers;
UPDATE workpool.pools SET max_parallelism = 3, paused = false, reported_at = statement_timestamp();
DELETE FROM ledger;
DELETE FROM callback_ledger;
DELETE FROM audit_counts;
DELETE FROM audit_breaches;
DELETE FROM audit_ends;
DELETE FROM audit_calls;
