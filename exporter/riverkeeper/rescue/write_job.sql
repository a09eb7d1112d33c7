-- Question: (writes) what becomes of the job? As River's own rescuer writes it, but for the state (docs/guarded-rescue.md).
-- Index: river_job's primary key; the row is locked by this transaction, and checked once more all the same.
-- NULL: scheduled_at NULL leaves the one that is there; finalized_at NULL for what is tried again; metadata NULL leaves
-- it, where it is no object and `||` would make a list of it. No row: not running under the claim.
UPDATE river.river_job AS j
SET
    state = %(state)s::river.river_job_state,
    errors = array_append(j.errors, %(error)s::jsonb),
    finalized_at = to_timestamp(%(finalized_at)s::double precision),
    scheduled_at = coalesce(to_timestamp(%(scheduled_at)s::double precision), j.scheduled_at),
    metadata = CASE WHEN %(metadata)s::jsonb IS NULL THEN j.metadata ELSE j.metadata || %(metadata)s::jsonb END
WHERE j.id = %(job_id)s::bigint
  AND j.state = 'running'
  AND j.attempt = %(attempt)s::smallint
  AND j.attempted_at = %(attempted_at)s::timestamptz
RETURNING j.id
