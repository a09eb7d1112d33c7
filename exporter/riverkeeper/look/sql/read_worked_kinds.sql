-- Question: which kinds were worked lately, when was the last of their jobs that ended claimed, and how long did one run?
-- Index: river_job_state_and_finalized_at_index backwards, at most scan_bound rows a state.
-- NULL: longest where no job of the kind was completed; shortest where none was at its first attempt.
SELECT
    ended.queue,
    ended.kind,
    extract(epoch FROM max(ended.attempted_at))::double precision AS last_claim,
    extract(epoch FROM max(ended.finalized_at - ended.attempted_at) FILTER (WHERE ended.state = 'completed'))::double precision
        AS longest,
    extract(epoch FROM min(ended.finalized_at - ended.attempted_at) FILTER (WHERE ended.state = 'completed' AND ended.attempt = 1))
        ::double precision AS shortest,
    count(*) FILTER (WHERE ended.state = 'completed' AND ended.attempt = 1) AS first_attempts
FROM unnest(%(states)s::text[]) AS s (state)
CROSS JOIN LATERAL (
    SELECT s.state, j.queue, j.kind, j.attempt, j.attempted_at, j.finalized_at
    FROM river.river_job AS j
    WHERE j.state = s.state::river.river_job_state AND j.finalized_at IS NOT NULL
    ORDER BY j.finalized_at DESC
    LIMIT %(scan_bound)s
) AS ended
WHERE ended.attempted_at IS NOT NULL
GROUP BY ended.queue, ended.kind
