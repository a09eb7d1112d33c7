-- Question: How old is the oldest job of each final state, which River's cleaner has not deleted yet?
-- Index: river_job_state_and_finalized_at_index, one probe for each state.
-- NULL: never; a state without rows has no row here.
SELECT s.state, extract(epoch FROM oldest.finalized_at)::double precision AS finalized_at
FROM unnest(%(states)s::text[]) AS s (state)
CROSS JOIN LATERAL (
    SELECT j.finalized_at
    FROM river.river_job AS j
    WHERE j.state = s.state::river.river_job_state AND j.finalized_at > '-infinity'
    ORDER BY j.finalized_at
    LIMIT 1
) AS oldest
