-- Question: Lists the jobs of each given state with a trace of a problem (errors, rescues, snoozes, conflicts): the jobs of final
-- states that ended last, and the next jobs of live states.
-- Index: river_job_state_and_finalized_at_index backwards for final states, river_job_prioritized_fetching_index for live ones; at
-- most scan_bound rows for each state. Errors are read of the returned rows only, and only up to most_bytes as stored.
-- NULL: errors where there are none or they are too large; rescues, snoozes and conflict where the metadata has no such key or is
-- too large to read; attempted_at of a job that never ran; ended_at of a live job.
SELECT
    s.state,
    r.id,
    r.queue,
    r.kind,
    r.attempt,
    r.max_attempts,
    extract(epoch FROM r.attempted_at)::double precision AS attempted_at,
    extract(epoch FROM r.finalized_at)::double precision AS ended_at,
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
    r.conflict
FROM unnest(%(states)s::text[], %(final)s::boolean[]) AS s (state, final)
CROSS JOIN LATERAL (
    SELECT *
    FROM (
        SELECT
            j.*,
            CASE WHEN j.small THEN left(j.metadata ->> 'river:rescue_count', 16) END AS rescues,
            CASE WHEN j.small THEN left(j.metadata ->> 'snoozes', 16) END AS snoozes,
            CASE WHEN j.small AND s.final THEN left(j.metadata ->> 'unique_key_conflict', 40) END AS conflict
        FROM (
            (
                SELECT
                    f.id, f.queue, f.kind, f.attempt, f.max_attempts, f.attempted_at, f.finalized_at, f.attempted_by, f.errors,
                    f.metadata, pg_column_size(f.metadata) < %(most_metadata)s AS small
                FROM river.river_job AS f
                WHERE s.final AND f.state = s.state::river.river_job_state AND f.finalized_at IS NOT NULL
                ORDER BY f.finalized_at DESC
                LIMIT %(scan_bound)s
            )
            UNION ALL
            (
                SELECT
                    l.id, l.queue, l.kind, l.attempt, l.max_attempts, l.attempted_at, l.finalized_at, l.attempted_by, l.errors,
                    l.metadata, pg_column_size(l.metadata) < %(most_metadata)s AS small
                FROM river.river_job AS l
                WHERE NOT s.final AND l.state = s.state::river.river_job_state
                ORDER BY l.queue, l.priority, l.scheduled_at, l.id
                LIMIT %(scan_bound)s
            )
        ) AS j
    ) AS seen
    WHERE seen.errors IS NOT NULL
       OR seen.rescues IS NOT NULL
       OR seen.conflict IS NOT NULL
       OR seen.snoozes IS NOT NULL AND NOT s.final
    LIMIT %(most_rows)s
) AS r
