-- $1 worker, $2 ids that it has in hand, $3 pools to leave out
-- After a claim whose answer was lost: hands back what is marked as ours and that we do not know. Nothing of it was entered.
-- It runs behind lock_slots, so the lost claim is over.
UPDATE workpool.work w SET worker = NULL, attempt = GREATEST(w.attempt - 1, 0)
FROM workpool.slots s
WHERE s.worker = $1 AND s.pool <> ALL ($3) AND w.pool = s.pool AND (w.run_at, w.id) <= (s.claimed_to, s.claimed_id) AND w.worker = $1 AND w.id <> ALL ($2)
RETURNING w.id, w.cancel_requested
