-- Question: (writes) request the workers of these claims to stop hung jobs; their next beat reads the request.
-- Index: heartbeat's primary key; this transaction has locked the rows.
-- NULL: never; a claim is missing: a stop was requested before, or the claim is lost.
UPDATE keeper.heartbeat AS h
SET stop_requested_at = clock_timestamp()
FROM jsonb_to_recordset(%(rows)s::jsonb) AS c (job_id bigint, attempted_at timestamptz)
WHERE h.job_id = c.job_id AND h.attempted_at = c.attempted_at
  AND h.lost_at IS NULL AND h.stop_requested_at IS NULL
RETURNING h.job_id
