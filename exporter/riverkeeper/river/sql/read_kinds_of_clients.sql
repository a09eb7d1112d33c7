-- Question: Of which kinds and queues are the running jobs of these clients, by the process that beats for them?
-- Index: river_job_prioritized_fetching_index for the running rows, at most max_rows; the heartbeat table's primary key for the jobs
-- of these clients. For the shown workers only: the names of all processes would be sorted, which costs more than the rest.
-- NULL: instance of jobs that do not beat.
SELECT
    j.client,
    CASE WHEN h.lost_at IS NULL THEN h.instance END::text AS instance,
    (array_agg(DISTINCT j.kind ORDER BY j.kind))[1:%(names)s] AS kinds,
    (array_agg(DISTINCT j.queue ORDER BY j.queue))[1:%(names)s] AS queues
FROM (
    SELECT r.id, r.attempt, r.attempted_at, r.queue, r.kind, r.attempted_by[cardinality(r.attempted_by)] AS client
    FROM river.river_job AS r
    WHERE r.state = 'running'
    LIMIT %(max_rows)s
) AS j
LEFT JOIN keeper.heartbeat AS h
    ON h.job_id = j.id AND h.attempted_at = j.attempted_at AND h.attempt = j.attempt
WHERE j.client = ANY(%(clients)s::text[]) AND isfinite(j.attempted_at)
GROUP BY 1, 2
