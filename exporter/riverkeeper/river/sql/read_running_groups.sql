-- Question: Which queues, kinds and priorities do the running jobs have?
-- Index: river_job_prioritized_fetching_index, at most max_rows running rows, of one queue where one is given. A queue or a kind
-- that is NULL filters nothing.
-- NULL: never.
SELECT DISTINCT g.queue, g.kind, g.priority
FROM (
    SELECT j.queue, j.kind, j.priority
    FROM river.river_job AS j
    WHERE j.state = 'running'
      AND (%(queue)s::text IS NULL OR j.queue = %(queue)s::text)
    LIMIT %(max_rows)s
) AS g
WHERE %(kind)s::text IS NULL OR g.kind = %(kind)s::text
