-- Question: which kinds have jobs due, how many of them, and since when has the first one waited?
-- Index: river_job_prioritized_fetching_index, at most scan_bound rows.
-- NULL: never.
SELECT
    due.queue,
    due.kind,
    count(*) AS jobs,
    extract(epoch FROM min(due.scheduled_at))::double precision AS first_at,
    (array_agg(due.id ORDER BY due.scheduled_at))[1:10] AS ids
FROM (
    SELECT j.id, j.queue, j.kind, j.scheduled_at
    FROM river.river_job AS j
    WHERE j.state = 'available' AND j.scheduled_at <= now()
    ORDER BY j.queue, j.priority, j.scheduled_at, j.id
    LIMIT %(scan_bound)s
) AS due
GROUP BY due.queue, due.kind
