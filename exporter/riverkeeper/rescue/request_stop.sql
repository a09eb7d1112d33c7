-- Question: (writes) ask the worker to stop a job that hangs; its next beat brings it the word.
-- Index: heartbeat's primary key; the row is locked by this transaction.
-- NULL: never; no row: it was asked before, or the claim is lost.
UPDATE keeper.heartbeat AS h
SET stop_requested_at = clock_timestamp()
WHERE h.job_id = %(job_id)s::bigint AND h.attempted_at = %(attempted_at)s::timestamptz
  AND h.lost_at IS NULL AND h.stop_requested_at IS NULL
RETURNING h.job_id
