-- Question: which jobs run for too long? The leader's rescuer retries, discards or cancels them, whoever holds them.
-- Index: river_job_prioritized_fetching_index for the running rows.
-- NULL: finalized_at stays NULL for what is tried again. A rescue error's `at` is the time of the rescue.
UPDATE river.river_job AS j
SET
    state = (CASE WHEN old.cancelled THEN 'cancelled' WHEN old.used_up THEN 'discarded' ELSE 'retryable' END
        )::river.river_job_state,
    errors = array_append(j.errors, jsonb_build_object(
        'at', now(), 'attempt', j.attempt, 'error', 'Stuck job rescued by JobRescuer', 'trace', ''
    )),
    finalized_at = CASE WHEN old.cancelled OR old.used_up THEN now() END,
    scheduled_at = CASE WHEN old.cancelled OR old.used_up THEN j.scheduled_at ELSE now() + old.wait END,
    metadata = j.metadata || jsonb_build_object('river:rescue_count', old.rescues + 1)
FROM (
    SELECT
        stuck.id,
        stuck.metadata ? 'cancel_attempted_at' AS cancelled,
        stuck.attempt >= stuck.max_attempts AS used_up,
        coalesce((stuck.metadata ->> 'river:rescue_count')::integer, 0) AS rescues,
        power(coalesce(cardinality(stuck.errors), 0) + 1, 4) * %(backoff)s * interval '1 second' AS wait
    FROM river.river_job AS stuck
    WHERE stuck.state = 'running' AND stuck.attempted_at < now() - %(seconds)s * interval '1 second'
    ORDER BY stuck.id
    LIMIT 1000
    FOR UPDATE SKIP LOCKED
) AS old
WHERE j.id = old.id
RETURNING j.state::text AS state
