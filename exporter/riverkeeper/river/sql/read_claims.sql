-- Question: Lists the clients that claimed a running job or one of the newest finished jobs, with the oldest and the
-- newest of these claims of each.
-- Index: river_job_prioritized_fetching_index for the running rows, at most max_rows;
-- river_job_state_and_finalized_at_index backwards for the newest `recent` finished rows.
-- NULL: never. Rows without a client or without a finite attempted_at are left out.
SELECT
    seen.client,
    extract(epoch FROM min(seen.attempted_at))::double precision AS first_claim,
    extract(epoch FROM max(seen.attempted_at))::double precision AS last_claim
FROM (
    (
        SELECT j.attempted_by[cardinality(j.attempted_by)] AS client, j.attempted_at
        FROM river.river_job AS j
        WHERE j.state = 'running'
        LIMIT %(max_rows)s
    )
    UNION ALL
    (
        SELECT j.attempted_by[cardinality(j.attempted_by)], j.attempted_at
        FROM river.river_job AS j
        WHERE j.state = 'completed' AND j.finalized_at IS NOT NULL
        ORDER BY j.finalized_at DESC
        LIMIT %(recent)s
    )
) AS seen
WHERE seen.client IS NOT NULL AND isfinite(seen.attempted_at)
GROUP BY seen.client
