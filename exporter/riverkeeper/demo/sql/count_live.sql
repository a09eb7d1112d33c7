-- Question: how many jobs run, wait though they are due, and have failed before?
-- Index: river_job_prioritized_fetching_index; only live rows are read.
-- NULL: never; nothing live gives zeros.
SELECT
    count(*) FILTER (WHERE j.state = 'running') AS running,
    count(*) FILTER (WHERE j.state = 'available' AND j.scheduled_at <= now()) AS backlog,
    count(*) FILTER (WHERE cardinality(j.errors) > 0) AS failing
FROM river.river_job AS j
WHERE j.state IN ('available', 'retryable', 'running', 'scheduled')
