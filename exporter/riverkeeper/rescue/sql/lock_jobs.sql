-- Question: (locks) which of these jobs still run under their claims, and are not locked by another session?
-- Index: river_job's primary key, once for each claim (LATERAL forces it, and IS TRUE keeps the planner from the
-- indexes by state).
-- NULL: never; a claim is missing: its job does not run under it, or another session has locked the job.
-- A foreign key to river_job locks its row too, but not against NO KEY UPDATE.
SELECT c.number
FROM jsonb_to_recordset(%(claims)s::jsonb) AS c (
    number integer, job_id bigint, attempt smallint, attempted_at timestamptz
)
CROSS JOIN LATERAL (
    SELECT
    FROM river.river_job AS j
    WHERE j.id = c.job_id
      AND (j.state = 'running') IS TRUE
      AND j.attempt = c.attempt
      AND j.attempted_at = c.attempted_at
    FOR NO KEY UPDATE OF j SKIP LOCKED
) AS held
