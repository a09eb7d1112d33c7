-- Question: which scheduled and retryable jobs are due? The leader's scheduler makes them available.
-- Index: river_job_prioritized_fetching_index, once for each of the two states.
-- NULL: never. River looks five seconds ahead, so an available job may not be due yet.
UPDATE river.river_job AS j
SET state = 'available'
FROM (
    SELECT due.id
    FROM river.river_job AS due
    WHERE due.state IN ('retryable', 'scheduled')
      AND due.scheduled_at <= now() + interval '5 seconds'
    ORDER BY due.priority, due.scheduled_at, due.id
    LIMIT 10000
    FOR UPDATE
) AS ready
WHERE j.id = ready.id
