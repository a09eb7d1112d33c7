-- Question: what did the clients report of their jobs? By id and `running` only, as River's completer does it.
-- Index: river_job's primary key, once for each result.
-- NULL: a result's attempt, error, finalized_at and scheduled_at are NULL where the column stays as it is.
UPDATE river.river_job AS j
SET
    state = (CASE WHEN done.cancelled THEN 'cancelled' ELSE done.state END)::river.river_job_state,
    attempt = CASE WHEN done.cancelled THEN j.attempt ELSE coalesce(done.attempt, j.attempt) END,
    errors = CASE WHEN done.error IS NULL THEN j.errors ELSE array_append(j.errors, done.error) END,
    finalized_at = CASE WHEN done.cancelled THEN now() ELSE done.finalized_at END,
    scheduled_at = CASE WHEN done.cancelled THEN j.scheduled_at ELSE coalesce(done.scheduled_at, j.scheduled_at) END,
    metadata = j.metadata || done.metadata
FROM (
    SELECT
        told.*,
        -- A cancel was asked for while the job ran: it is not put back.
        asked.metadata ? 'cancel_attempted_at' AND told.finalized_at IS NULL AS cancelled
    FROM jsonb_to_recordset(%(results)s::jsonb)
        AS told (
            id bigint, state text, attempt smallint, error jsonb, finalized_at timestamptz,
            scheduled_at timestamptz, metadata jsonb
        )
    JOIN river.river_job AS asked ON asked.id = told.id
) AS done
WHERE j.id = done.id AND j.state = 'running'
RETURNING j.kind, j.state::text AS state
