-- Question: at the very first start, when did each kind last finish, as far as a bounded look back shows?
-- Index: river_job_state_and_finalized_at_index from its end, at most `bound` rows a state.
-- NULL: never.
SELECT recent.queue, recent.kind, extract(epoch FROM max(recent.finalized_at))::double precision AS last
FROM unnest(ARRAY['cancelled', 'completed', 'discarded']::river.river_job_state[]) AS s (state)
CROSS JOIN LATERAL (
    SELECT j.queue, j.kind, j.finalized_at
    FROM river.river_job AS j
    WHERE j.state = s.state AND j.finalized_at < to_timestamp(%(until)s::double precision)
    ORDER BY j.finalized_at DESC
    LIMIT %(bound)s
) AS recent
WHERE isfinite(recent.finalized_at)
GROUP BY recent.queue, recent.kind
