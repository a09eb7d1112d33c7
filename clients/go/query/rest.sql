-- Question: would a late result of this job be ignored by River now, and for the next two seconds?
-- Index: river_job's primary key.
-- NULL: never; no row means that the job is deleted, which is rest too.
--
-- Parameters: job_id bigint.
SELECT j.state <> 'running' AND (j.finalized_at IS NOT NULL OR j.scheduled_at > now() + interval '2 seconds') AS rests
FROM river.river_job AS j
WHERE j.id = %(job_id)s::bigint
