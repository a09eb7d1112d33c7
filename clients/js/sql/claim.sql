-- Question: Which claim does this client hold on this job? For clients whose clock has no microseconds.
-- Index: river_job's primary key.
-- NULL: never; no row: the job does not run under this client any more.
--
-- Parameters: job_id bigint, attempt smallint, client_id text (the last element of attempted_by).
SELECT to_char(j.attempted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS attempted_at
FROM river.river_job AS j
WHERE j.id = %(job_id)s::bigint
  AND j.state = 'running'
  AND j.attempt = %(attempt)s::smallint
  AND j.attempted_by[cardinality(j.attempted_by)] = %(client_id)s::text
