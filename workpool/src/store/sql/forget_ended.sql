-- $1 ids given by callers
-- After their enqueue, with a later snapshot: while that waited for the row of an item that was just ending, the item ended, and
-- was stored once more. From the insert until the commit nobody else can store the id, so what has ended by now is all there is.
DELETE FROM workpool.work w
WHERE w.id = ANY ($1) AND w.worker IS NULL AND w.fence = 0 AND (
    EXISTS (SELECT FROM workpool.finished f WHERE f.id = w.id)
    OR EXISTS (SELECT FROM workpool.callbacks c WHERE c.id = w.id)
)
