-- Question: has the client of this claim answered the last request for its stack?
-- Index: heartbeat's primary key.
-- NULL: never. No row: the claim has never beaten in the table, or it is lost.
SELECT coalesce(h.stack_at >= h.stack_requested_at, false) AS is_answered
FROM keeper.heartbeat AS h
WHERE h.job_id = %(job_id)s::bigint AND h.attempted_at = %(attempted_at)s::timestamptz AND h.lost_at IS NULL
