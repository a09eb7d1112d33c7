-- Question: (writes) request the stacks of the work of these claims; their next beat brings the request to the client.
-- Index: heartbeat's primary key, once for each claim (LATERAL forces it). A row that a beat or a rescue writes just now is
-- left out, without waiting.
-- NULL: never. A claim is missing: it has no row, it is lost, its row is locked, or an earlier request waits for its answer.
WITH wanted AS (
    SELECT held.*
    FROM jsonb_to_recordset(%(claims)s::jsonb) AS c (job_id bigint, attempted_at timestamptz)
    CROSS JOIN LATERAL (
        SELECT h.job_id, h.attempted_at
        FROM keeper.heartbeat AS h
        WHERE h.job_id = c.job_id AND h.attempted_at = c.attempted_at
          AND h.lost_at IS NULL
          AND (h.stack_requested_at IS NULL OR h.stack_at >= h.stack_requested_at)
        FOR UPDATE OF h SKIP LOCKED
    ) AS held
)
UPDATE keeper.heartbeat AS h
SET stack_requested_at = clock_timestamp()
FROM wanted AS w
WHERE h.job_id = w.job_id AND h.attempted_at = w.attempted_at
RETURNING h.job_id
