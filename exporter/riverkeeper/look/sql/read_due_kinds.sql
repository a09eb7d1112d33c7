-- Question: which kinds have jobs due, how many of them, and since when has the first one waited? Of each given queue and priority at
-- most scan_bound jobs are read, those that wait longest.
-- Index: river_job_prioritized_fetching_index, at most scan_bound rows of each queue and priority.
-- NULL: never.
SELECT
    due.queue,
    due.kind,
    count(*) AS jobs,
    extract(epoch FROM min(due.scheduled_at))::double precision AS first_at,
    (array_agg(due.id ORDER BY due.scheduled_at))[1:10] AS ids
FROM (
    SELECT first.id, given.queue, first.kind, first.scheduled_at
    FROM unnest(%(queues)s::text[], %(priorities)s::integer[]) AS given (queue, priority)
    CROSS JOIN LATERAL (
        SELECT j.id, j.kind, j.scheduled_at
        FROM river.river_job AS j
        WHERE j.state = 'available' AND j.queue = given.queue AND j.priority = given.priority AND j.scheduled_at <= now()
        ORDER BY j.scheduled_at, j.id
        LIMIT %(scan_bound)s
    ) AS first
) AS due
GROUP BY due.queue, due.kind
