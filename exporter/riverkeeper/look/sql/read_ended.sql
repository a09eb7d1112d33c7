-- Question: of the jobs of each final state that ended last, by queue and kind: how many, when did they end, when was the last one
-- claimed, and how long did they run?
-- Index: river_job_state_and_finalized_at_index backwards, at most scan_bound rows a state.
-- NULL: last_claim where no job was ever claimed; longest where no job was completed; shortest where none was at its first attempt.
SELECT
    s.state,
    ended.queue,
    ended.kind,
    count(*) AS jobs,
    extract(epoch FROM min(ended.finalized_at))::double precision AS first_at,
    extract(epoch FROM max(ended.finalized_at))::double precision AS last_at,
    extract(epoch FROM max(ended.attempted_at))::double precision AS last_claim,
    extract(epoch FROM max(ended.finalized_at - ended.attempted_at) FILTER (WHERE s.state = 'completed'))::double precision AS longest,
    extract(epoch FROM min(ended.finalized_at - ended.attempted_at) FILTER (WHERE s.state = 'completed' AND ended.attempt = 1))
        ::double precision AS shortest,
    count(*) FILTER (WHERE s.state = 'completed' AND ended.attempt = 1) AS first_attempts
FROM unnest(%(states)s::text[]) AS s (state)
CROSS JOIN LATERAL (
    SELECT j.queue, j.kind, j.attempt, j.attempted_at, j.finalized_at
    FROM river.river_job AS j
    WHERE j.state = s.state::river.river_job_state AND j.finalized_at IS NOT NULL
    ORDER BY j.finalized_at DESC
    LIMIT %(scan_bound)s
) AS ended
GROUP BY s.state, ended.queue, ended.kind
