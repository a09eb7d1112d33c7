-- Question: which kinds do the waiting jobs of each given (state, queue) have, how many failed before, how many
-- are discarded by their next failure, and when was one of them last claimed?
-- Index: river_job_prioritized_fetching_index, then at most `bound` rows of the table for each pair.
-- NULL: last_claim is NULL where none was ever claimed. An empty errors array (13 or 16 bytes) is no failure;
-- its size is read without reading the errors themselves.
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
