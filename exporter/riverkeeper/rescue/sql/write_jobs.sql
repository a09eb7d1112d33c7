-- Question: (writes) which state, error and next attempt do these jobs get? As River's own rescuer writes them, but
-- for the state (docs/guarded-rescue.md).
-- Index: river_job's primary key; this transaction has locked the rows, and the claim is checked once more all the
-- same. IS TRUE keeps the planner from the indexes by state, which hold every running job.
-- NULL: scheduled_at NULL keeps the job's own; finalized_at is NULL for a retry; metadata NULL keeps the job's own,
-- where it is no object and `||` would make a list of it. A job is missing: it does not run under the claim.
UPDATE river.river_job AS j
SET
    state = w.state::river.river_job_state,
    errors = array_append(j.errors, w.error),
    finalized_at = to_timestamp(w.finalized_at),
    scheduled_at = coalesce(to_timestamp(w.scheduled_at), j.scheduled_at),
    metadata = CASE WHEN w.metadata IS NULL THEN j.metadata ELSE j.metadata || w.metadata END
FROM jsonb_to_recordset(%(rows)s::jsonb) AS w (
    job_id bigint, attempt smallint, attempted_at timestamptz, state text, scheduled_at double precision,
    finalized_at double precision, error jsonb, metadata jsonb
)
WHERE j.id = w.job_id
  AND (j.state = 'running') IS TRUE
  AND j.attempt = w.attempt
  AND j.attempted_at = w.attempted_at
RETURNING j.id
