-- Question: Which clients hold running jobs, of which queue, kind and priority, and since when is the newest of these
-- claims? Asked only while a container is known to have ended whose jobs may not have been taken yet.
-- Index: river_job_prioritized_fetching_index for the running rows, at most max_rows.
-- NULL: never; rows without a client or without a finite attempted_at are left out.
SELECT
    held.client,
    held.queue,
    held.kind,
    held.priority,
    extract(epoch FROM max(held.attempted_at))::double precision AS last_claim
FROM (
    SELECT j.attempted_by[cardinality(j.attempted_by)] AS client, j.queue, j.kind, j.priority, j.attempted_at
    FROM river.river_job AS j
    WHERE j.state = 'running'
    LIMIT %(max_rows)s
) AS held
WHERE held.client IS NOT NULL AND isfinite(held.attempted_at)
GROUP BY held.client, held.queue, held.kind, held.priority
