-- Question: Which clients hold running jobs, or completed one of the newest finished jobs? How many jobs does each process hold,
-- and how many of them are of the given kind and queue?
-- Index: river_job_prioritized_fetching_index for the running rows, at most max_rows; river_job_state_and_finalized_at_index backwards for the
-- newest `recent` completed rows; the heartbeat table's primary key.
-- NULL: instance of jobs that do not beat; oldest_claim where none runs; a given kind or queue that is NULL fits every job.
-- Rows without a client are left out. Moments are attempted_at, which Ruby and Java write by the worker's clock.
SELECT
    seen.client,
    CASE WHEN h.lost_at IS NULL THEN h.instance END AS instance,
    count(*) FILTER (WHERE seen.is_running) AS jobs,
    count(*) FILTER (WHERE seen.is_running
        AND (%(kind)s::text IS NULL OR seen.kind = %(kind)s::text)
        AND (%(queue)s::text IS NULL OR seen.queue = %(queue)s::text)) AS fitting,
    extract(epoch FROM min(seen.attempted_at) FILTER (WHERE seen.is_running))::double precision AS oldest_claim,
    extract(epoch FROM max(seen.attempted_at))::double precision AS last_claim
FROM (
    (
        SELECT
            j.id, j.attempt, j.attempted_at, j.queue, j.kind,
            j.attempted_by[cardinality(j.attempted_by)] AS client, true AS is_running
        FROM river.river_job AS j
        WHERE j.state = 'running'
        LIMIT %(max_rows)s
    )
    UNION ALL
    (
        SELECT
            j.id, j.attempt, j.attempted_at, j.queue, j.kind,
            j.attempted_by[cardinality(j.attempted_by)], false
        FROM river.river_job AS j
        WHERE j.state = 'completed' AND j.finalized_at IS NOT NULL
        ORDER BY j.finalized_at DESC
        LIMIT %(recent)s
    )
) AS seen
LEFT JOIN keeper.heartbeat AS h
    ON h.job_id = seen.id AND h.attempted_at = seen.attempted_at AND h.attempt = seen.attempt
WHERE seen.client IS NOT NULL AND isfinite(seen.attempted_at)
GROUP BY 1, 2
