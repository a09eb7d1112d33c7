-- Question: we could not lock these jobs: which of them still run under their claims?
-- Index: river_job's primary key, once for each claim.
-- NULL: never; a claim is missing: its job is gone, or does not run under it any more.
SELECT c.number
FROM jsonb_to_recordset(%(claims)s::jsonb) AS c (
    number integer, job_id bigint, attempt smallint, attempted_at timestamptz
)
CROSS JOIN LATERAL (
    SELECT j.state, j.attempt, j.attempted_at FROM river.river_job AS j WHERE j.id = c.job_id OFFSET 0
) AS seen
WHERE seen.state = 'running' AND seen.attempt = c.attempt AND seen.attempted_at = c.attempted_at
