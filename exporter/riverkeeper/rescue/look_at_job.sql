-- Question: we could not lock the job: is it still running under the claim?
-- Index: river_job's primary key.
-- NULL: never; no row: it is gone, or not running under the claim any more.
SELECT 1 AS found
FROM river.river_job AS j
WHERE j.id = %(job_id)s::bigint
  AND j.state = 'running'
  AND j.attempt = %(attempt)s::smallint
  AND j.attempted_at = %(attempted_at)s::timestamptz
