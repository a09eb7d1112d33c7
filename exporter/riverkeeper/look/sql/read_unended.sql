-- Question: which jobs that have not ended failed, were rescued or were snoozed before, and how?
-- Index: river_job_prioritized_fetching_index, at most scan_bound rows a state; errors are read of rows that are returned,
-- and only where they are short enough as stored (most_bytes).
-- NULL: as in read_ended; ended_at always.
SELECT
    s.state,
    r.id,
    r.queue,
    r.kind,
    r.attempt,
    r.max_attempts,
    extract(epoch FROM r.attempted_at)::double precision AS attempted_at,
    NULL::double precision AS ended_at,
    r.attempted_by AS clients,
    coalesce(cardinality(r.errors), 0) AS failures,
    CASE WHEN pg_column_size(r.errors) < %(most_bytes)s THEN (
        SELECT jsonb_agg(
            jsonb_build_object('attempt', e.error -> 'attempt', 'at', e.error -> 'at', 'error', left(e.error ->> 'error', 200))
            ORDER BY e.position
        )
        FROM unnest(r.errors) WITH ORDINALITY AS e (error, position)
        WHERE e.position > cardinality(r.errors) - %(most_errors)s
    ) END AS errors,
    r.rescues,
    r.snoozes,
    NULL::text AS conflict
FROM unnest(%(states)s::text[]) AS s (state)
CROSS JOIN LATERAL (
    SELECT *
    FROM (
        SELECT
            first.*,
            CASE WHEN first.small THEN left(first.metadata ->> 'river:rescue_count', 16) END AS rescues,
            CASE WHEN first.small THEN left(first.metadata ->> 'snoozes', 16) END AS snoozes
        FROM (
            SELECT
                j.id, j.queue, j.kind, j.attempt, j.max_attempts, j.attempted_at, j.attempted_by, j.errors, j.metadata,
                pg_column_size(j.metadata) < %(most_metadata)s AS small
            FROM river.river_job AS j
            WHERE j.state = s.state::river.river_job_state
            ORDER BY j.queue, j.priority, j.scheduled_at, j.id
            LIMIT %(scan_bound)s
        ) AS first
    ) AS seen
    WHERE seen.errors IS NOT NULL OR seen.rescues IS NOT NULL OR seen.snoozes IS NOT NULL
    LIMIT %(most_rows)s
) AS r
