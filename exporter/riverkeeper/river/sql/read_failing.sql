-- Question: Lists the live jobs that have failed; the job with the fewest attempts left comes first.
-- Index: river_job_prioritized_fetching_index, at most scan_bound rows for each state. Only the last error of the shown rows is
-- read, while the errors take no more than most_bytes as stored: Postgres unpacks the whole array for it, twice.
-- NULL: last_error where the last error has no text; attempted_at of a job that was never claimed. A NULL filter filters nothing.
SELECT
    shown.id,
    shown.queue,
    shown.kind,
    shown.state,
    shown.attempt,
    shown.max_attempts,
    extract(epoch FROM shown.scheduled_at)::double precision AS scheduled_at,
    extract(epoch FROM shown.attempted_at)::double precision AS attempted_at,
    CASE WHEN sum(pg_column_size(shown.errors)) OVER (
            ORDER BY shown.max_attempts - shown.attempt, shown.scheduled_at, shown.id
        ) <= %(most_bytes)s
        THEN left(shown.errors[array_upper(shown.errors, 1)] ->> 'error', 500)
        ELSE 'not read here: the errors of this job take ' || pg_size_pretty(pg_column_size(shown.errors)::bigint)
    END AS last_error,
    shown.found,
    shown.bounded
FROM (
    SELECT
        j.*,
        count(*) OVER () AS found,
        max(j.position) OVER () >= %(scan_bound)s AS bounded
    FROM unnest(%(states)s::text[]) AS s (state)
    CROSS JOIN LATERAL (
        SELECT
            r.id, r.queue, r.kind, s.state, r.attempt, r.max_attempts, r.scheduled_at, r.attempted_at, r.errors,
            row_number() OVER () AS position
        FROM (
            SELECT
                r.id, r.queue, r.kind, r.attempt, r.max_attempts, r.scheduled_at, r.attempted_at, r.errors
            FROM river.river_job AS r
            WHERE r.state = s.state::river.river_job_state
              AND (%(queue)s::text IS NULL OR r.queue = %(queue)s::text)
            ORDER BY r.queue, r.priority, r.scheduled_at, r.id
            LIMIT %(scan_bound)s
        ) AS r
    ) AS j
    WHERE j.errors IS NOT NULL AND pg_column_size(j.errors) > 16
      AND (%(kind)s::text IS NULL OR j.kind = %(kind)s::text)
    ORDER BY j.max_attempts - j.attempt, j.scheduled_at, j.id
    LIMIT %(shown)s
) AS shown
ORDER BY shown.max_attempts - shown.attempt, shown.scheduled_at, shown.id
