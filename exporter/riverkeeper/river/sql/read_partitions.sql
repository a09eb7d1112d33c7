-- Question: Lists each (state, queue, priority) that has live jobs, and when its first job became due.
-- Index: river_job_prioritized_fetching_index, one probe for each answer (a skip scan), without the entries in between.
-- NULL: never; a partition without jobs has no row. At most max_partitions rows for each state, in index order.
SELECT
    s.state::text AS state,
    found.queue,
    found.priority,
    extract(epoch FROM found.first_at)::double precision AS first_at
FROM unnest(%(states)s::text[]::river.river_job_state[]) AS s (state)
CROSS JOIN LATERAL (
    WITH RECURSIVE step AS (
        (
            SELECT j.queue, j.priority, j.scheduled_at AS first_at
            FROM river.river_job AS j
            WHERE j.state = s.state
            ORDER BY j.queue, j.priority, j.scheduled_at
            LIMIT 1
        )
        UNION ALL
        SELECT next_one.queue, next_one.priority, next_one.first_at
        FROM step
        CROSS JOIN LATERAL (
            SELECT j.queue, j.priority, j.scheduled_at AS first_at
            FROM river.river_job AS j
            WHERE j.state = s.state AND (j.queue, j.priority) > (step.queue, step.priority)
            ORDER BY j.queue, j.priority, j.scheduled_at
            LIMIT 1
        ) AS next_one
    )
    SELECT step.queue, step.priority, step.first_at FROM step LIMIT %(max_partitions)s
) AS found
