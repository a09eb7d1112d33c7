-- Question: Counts the jobs of each given (state, queue, priority), due before the given moment and later.
-- Index: river_job_prioritized_fetching_index alone, at most `bound` entries for each of the two counts.
-- NULL: never. A count equal to its bound means "at least this many".
SELECT
    given.state,
    given.queue,
    given.priority,
    due.jobs AS due,
    later.jobs AS later
FROM unnest(%(states)s::text[], %(queues)s::text[], %(priorities)s::smallint[], %(moments)s::double precision[], %(bounds)s::bigint[])
    AS given (state, queue, priority, moment, bound)
CROSS JOIN LATERAL (
    SELECT count(*) AS jobs
    FROM (
        SELECT 1
        FROM river.river_job AS j
        WHERE j.state = given.state::river.river_job_state AND j.queue = given.queue
          AND j.priority = given.priority AND j.scheduled_at <= to_timestamp(given.moment)
        LIMIT given.bound
    ) AS entry
) AS due
CROSS JOIN LATERAL (
    SELECT count(*) AS jobs
    FROM (
        SELECT 1
        FROM river.river_job AS j
        WHERE j.state = given.state::river.river_job_state AND j.queue = given.queue
          AND j.priority = given.priority AND j.scheduled_at > to_timestamp(given.moment)
        LIMIT given.bound
    ) AS entry
) AS later
