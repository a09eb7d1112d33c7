-- Question: Lists the clients that claimed a running job or one of the newest finished jobs, with the oldest and the
-- newest of these claims of each.
-- Index: river_job_prioritized_fetching_index for the running rows, at most max_rows;
-- river_job_state_and_finalized_at_index backwards for the newest `recent` finished rows.
-- Of the clients in own_clocks, heartbeat's primary key for each row.
-- NULL: last_first_beat where no claim of the client in own_clocks has a heartbeat row; last_unbeaten where all of them have one.
-- Rows without a client or without a finite attempted_at are left out.
SELECT
    seen.client,
    extract(epoch FROM min(seen.attempted_at))::double precision AS first_claim,
    extract(epoch FROM max(seen.attempted_at))::double precision AS last_claim,
    extract(epoch FROM max(seen.first_beat_at))::double precision AS last_first_beat,
    extract(epoch FROM max(seen.attempted_at) FILTER (WHERE seen.first_beat_at IS NULL))::double precision AS last_unbeaten
FROM (
    SELECT
        claim.client,
        claim.attempted_at,
        CASE WHEN claim.client = ANY (%(own_clocks)s::text[]) THEN (
            SELECT h.first_beat_at FROM keeper.heartbeat AS h WHERE h.job_id = claim.id AND h.attempted_at = claim.attempted_at
        ) END AS first_beat_at
    FROM (
        (
            SELECT j.id, j.attempted_by[cardinality(j.attempted_by)] AS client, j.attempted_at
            FROM river.river_job AS j
            WHERE j.state = 'running'
            LIMIT %(max_rows)s
        )
        UNION ALL
        (
            SELECT j.id, j.attempted_by[cardinality(j.attempted_by)], j.attempted_at
            FROM river.river_job AS j
            WHERE j.state = 'completed' AND j.finalized_at IS NOT NULL
            ORDER BY j.finalized_at DESC
            LIMIT %(recent)s
        )
    ) AS claim
    OFFSET 0
) AS seen
WHERE seen.client IS NOT NULL AND isfinite(seen.attempted_at)
GROUP BY seen.client
