-- Question: (writes) take the claim away: no beat of it is taken from here on, and whoever beats learns it.
-- Index: heartbeat's primary key; the row is locked by this transaction.
-- NULL: never; no row: it was marked before.
UPDATE keeper.heartbeat AS h
SET lost_at = clock_timestamp()
WHERE h.job_id = %(job_id)s::bigint AND h.attempted_at = %(attempted_at)s::timestamptz AND h.lost_at IS NULL
RETURNING h.job_id
