-- Question: (writes) mark these claims as lost: no beat of them is accepted from here on, and the next beat reports
-- it.
-- Index: heartbeat's primary key; this transaction has locked the rows.
-- NULL: never; a claim is missing: it was marked before.
UPDATE keeper.heartbeat AS h
SET lost_at = clock_timestamp()
FROM jsonb_to_recordset(%(rows)s::jsonb) AS c (job_id bigint, attempted_at timestamptz)
WHERE h.job_id = c.job_id AND h.attempted_at = c.attempted_at AND h.lost_at IS NULL
RETURNING h.job_id
