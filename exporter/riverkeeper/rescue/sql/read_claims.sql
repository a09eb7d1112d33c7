-- Question: under which claims do these jobs run? For an operator who names jobs by id.
-- Index: river_job's primary key.
-- NULL: never; a job that is not running has no row.
SELECT
    j.id AS job_id,
    j.attempt,
    to_char(j.attempted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS attempted_at
FROM river.river_job AS j
WHERE j.id = ANY (%(job_ids)s::bigint[]) AND j.state = 'running' AND isfinite(j.attempted_at)
ORDER BY j.id
