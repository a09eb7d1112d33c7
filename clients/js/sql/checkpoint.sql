-- Question: (writes) Saves the newest checkpoints of these claims. Which were taken?
-- Index: primary keys of heartbeat, checkpoint and river_job; OFFSET 0 makes Postgres look up each job by its id.
-- The heartbeat row is the arbiter, as for a beat: it is locked, in the order of beats, so that a rescue comes before
-- or after. A claim without a row, a lost one, and one that the job does not run under, saves nothing. Nothing is
-- written where the value is already there, or where a newer one of the same claim is.
-- NULL: never. One row comes back for each claim given: its ordinal in the arrays, from 1, and its status, which is
-- `taken` or `refused`. A refusal is no loss: only a beat decides that.
--
-- Parameters: parallel arrays job_ids bigint[], attempted_ats text[] (to the microsecond), attempts smallint[],
-- numbers bigint[] (of the value among those of its claim, from 1), vals text[] (JSON in ASCII, at most 8,192 bytes).
WITH given AS (
    SELECT
        g.*,
        coalesce(j.state = 'running' AND j.attempt = g.attempt AND j.attempted_at = g.attempted_at, false)
            AND octet_length(g.val) <= 8192 AS runs
    FROM unnest(
        %(job_ids)s::bigint[], %(attempted_ats)s::timestamptz[], %(attempts)s::smallint[], %(numbers)s::bigint[],
        %(vals)s::text[]
    ) WITH ORDINALITY AS g (job_id, attempted_at, attempt, number, val, ordinal)
    LEFT JOIN LATERAL (
        SELECT r.state, r.attempt, r.attempted_at FROM river.river_job AS r WHERE r.id = g.job_id OFFSET 0
    ) AS j ON true
),
held AS MATERIALIZED (
    SELECT g.*
    FROM given AS g
    JOIN keeper.heartbeat AS h ON h.job_id = g.job_id AND h.attempted_at = g.attempted_at
    WHERE g.runs AND h.lost_at IS NULL
    ORDER BY g.job_id, g.attempted_at
    FOR NO KEY UPDATE OF h
),
again AS (
    UPDATE keeper.checkpoint AS c
    SET number = h.number, saved_at = now(), value = h.val
    FROM held AS h
    WHERE c.job_id = h.job_id AND c.attempted_at = h.attempted_at AND c.number < h.number AND c.value <> h.val
),
first AS (
    INSERT INTO keeper.checkpoint AS c (job_id, attempted_at, attempt, generation, number, saved_at, value)
    SELECT
        h.job_id, h.attempted_at, h.attempt,
        1 + coalesce((SELECT max(b.generation) FROM keeper.checkpoint AS b WHERE b.job_id = h.job_id), 0),
        h.number, now(), h.val
    FROM held AS h
    WHERE NOT EXISTS (
        SELECT FROM keeper.checkpoint AS s WHERE s.job_id = h.job_id AND s.attempted_at = h.attempted_at
    )
    ON CONFLICT (job_id, attempted_at) DO UPDATE SET  -- a transaction of the job has inserted it meanwhile
        number = excluded.number, saved_at = excluded.saved_at, value = excluded.value
    WHERE c.number < excluded.number
)
SELECT
    g.ordinal,
    CASE WHEN g.ordinal IN (SELECT h.ordinal FROM held AS h) THEN 'taken' ELSE 'refused' END AS status
FROM given AS g
ORDER BY g.ordinal
