-- Question: Which clients hold running jobs, of which queue, kind and priority, since when is the newest of these claims, and which
-- pod does each process of the client report? Asked only while a container is known to have ended whose jobs may not have been taken yet.
-- Index: river_job_prioritized_fetching_index for the running rows, at most max_rows; client has one row for each process, a hash join.
-- NULL: the columns of the process where the client does not beat; those of its pod that it does not report. Rows without a client or
-- without a finite attempted_at are left out. A client with several processes has a row for each.
SELECT
    held.client,
    held.queue,
    held.kind,
    held.priority,
    held.last_claim,
    c.instance::text AS instance,
    c.pod_namespace,
    c.pod_name,
    c.pod_uid,
    c.host
FROM (
    SELECT
        each.client, each.queue, each.kind, each.priority,
        extract(epoch FROM max(each.attempted_at))::double precision AS last_claim
    FROM (
        SELECT j.attempted_by[cardinality(j.attempted_by)] AS client, j.queue, j.kind, j.priority, j.attempted_at
        FROM river.river_job AS j
        WHERE j.state = 'running'
        LIMIT %(max_rows)s
    ) AS each
    WHERE each.client IS NOT NULL AND isfinite(each.attempted_at)
    GROUP BY each.client, each.queue, each.kind, each.priority
) AS held
LEFT JOIN keeper.client AS c ON c.client_id = held.client
