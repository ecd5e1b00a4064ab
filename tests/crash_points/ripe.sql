-- Something to prune, and reports to write.
INSERT INTO workpool.finished (id, pool, function, kind, outcome, attempts, enqueued_at, finished_at, expires_at)
VALUES (gen_random_uuid(), 'mixed', 'once', 0, 0, 1, 'epoch', 'epoch', 'epoch');
UPDATE workpool.pools SET reported_at = 'epoch';
