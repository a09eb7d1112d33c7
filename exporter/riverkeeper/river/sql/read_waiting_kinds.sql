-- Question: Counts the waiting jobs of each given (state, queue) by kind: all, failed before, on their last attempt, and the
-- time of the latest claim.
-- Index: river_job_prioritized_fetching_index, then at most `bound` rows of the table for each pair.
-- NULL: last_claim where no job was ever claimed. An empty errors array takes 13 or 16 bytes; a larger one has an error, and
-- its size is read without the errors.
SELECT
    given.state,
    given.queue,
    found.kind,
    found.jobs,
    found.failing,
    found.last_attempt,
    extract(epoch FROM found.last_claim)::double precision AS last_claim
FROM unnest(%(states)s::text[], %(queues)s::text[], %(bounds)s::bigint[]) AS given (state, queue, bound)
CROSS JOIN LATERAL (
    SELECT
        seen.kind,
        count(*) AS jobs,
        count(*) FILTER (WHERE seen.errors_size > 16) AS failing,
        count(*) FILTER (WHERE seen.attempt + 1 >= seen.max_attempts) AS last_attempt,
        max(seen.attempted_at) FILTER (WHERE isfinite(seen.attempted_at)) AS last_claim
    FROM (
        SELECT j.kind, j.attempt, j.max_attempts, j.attempted_at, pg_column_size(j.errors) AS errors_size
        FROM river.river_job AS j
        WHERE j.state = given.state::river.river_job_state AND j.queue = given.queue
        ORDER BY j.priority, j.scheduled_at, j.id
        LIMIT given.bound
    ) AS seen
    GROUP BY seen.kind
) AS found
