-- Question: Which kinds and which queues do the jobs in the table have, and does a job have the given kind, or the given queue?
-- Index: river_job_kind and river_job_prioritized_fetching_index, one probe for each answer (a skip scan).
-- NULL: never. At most `most` kinds, and as many queues of each state; the given names are found whatever their place is. A
-- given name that is NULL is not searched for.
(
    WITH RECURSIVE step AS (
        (SELECT j.kind FROM river.river_job AS j ORDER BY j.kind LIMIT 1)
        UNION ALL
        SELECT next_one.kind
        FROM step
        CROSS JOIN LATERAL (
            SELECT j.kind FROM river.river_job AS j WHERE j.kind > step.kind ORDER BY j.kind LIMIT 1
        ) AS next_one
    )
    SELECT 'kind' AS what, step.kind AS name FROM step LIMIT %(most)s
)
UNION
SELECT 'kind', given.kind
FROM (SELECT %(kind)s::text) AS given (kind)
CROSS JOIN LATERAL (SELECT FROM river.river_job AS j WHERE j.kind = given.kind LIMIT 1) AS found
UNION
SELECT 'queue', found.queue
FROM unnest(%(states)s::text[]::river.river_job_state[]) AS s (state)
CROSS JOIN LATERAL (
    WITH RECURSIVE step AS (
        (SELECT j.queue FROM river.river_job AS j WHERE j.state = s.state ORDER BY j.queue LIMIT 1)
        UNION ALL
        SELECT next_one.queue
        FROM step
        CROSS JOIN LATERAL (
            SELECT j.queue
            FROM river.river_job AS j
            WHERE j.state = s.state AND j.queue > step.queue
            ORDER BY j.queue
            LIMIT 1
        ) AS next_one
    )
    SELECT step.queue FROM step LIMIT %(most)s
) AS found
UNION
SELECT 'queue', given.queue
FROM (SELECT %(queue)s::text) AS given (queue)
CROSS JOIN unnest(%(states)s::text[]::river.river_job_state[]) AS s (state)
CROSS JOIN LATERAL (
    SELECT FROM river.river_job AS j WHERE j.state = s.state AND j.queue = given.queue LIMIT 1
) AS found
