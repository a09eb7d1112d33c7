-- Question: how far back do the jobs that `look` reads of each final state reach, and were there more?
-- Index: river_job_state_and_finalized_at_index backwards, at most scan_bound rows a state, the index alone.
-- NULL: first_at and last_at where no job of the state is there.
SELECT
    s.state,
    r.jobs,
    extract(epoch FROM r.first_at)::double precision AS first_at,
    extract(epoch FROM r.last_at)::double precision AS last_at
FROM unnest(%(states)s::text[]) AS s (state)
CROSS JOIN LATERAL (
    SELECT count(*) AS jobs, min(newest.finalized_at) AS first_at, max(newest.finalized_at) AS last_at
    FROM (
        SELECT j.finalized_at
        FROM river.river_job AS j
        WHERE j.state = s.state::river.river_job_state AND j.finalized_at IS NOT NULL
        ORDER BY j.finalized_at DESC
        LIMIT %(scan_bound)s
    ) AS newest
) AS r
