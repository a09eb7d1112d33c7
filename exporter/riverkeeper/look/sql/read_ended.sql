-- Question: which of the jobs that ended last bear a trace of trouble (errors, rescues, conflicts, snoozes), and what is it?
-- Index: river_job_state_and_finalized_at_index backwards, at most scan_bound rows a state; errors are read of rows that
-- are returned, and only where they are short enough as stored (most_bytes).
-- NULL: errors where there are none or where they are too large; rescues, snoozes and conflict where the metadata has no
-- such key or is too large to look into; attempted_at of jobs that never ran.
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
FROM unnest(%(states)s::text[]) AS s (state)
CROSS JOIN LATERAL (
    SELECT *
    FROM (
        SELECT
            newest.*,
            CASE WHEN newest.small THEN left(newest.metadata ->> 'river:rescue_count', 16) END AS rescues,
            CASE WHEN newest.small THEN left(newest.metadata ->> 'snoozes', 16) END AS snoozes,
            CASE WHEN newest.small THEN left(newest.metadata ->> 'unique_key_conflict', 40) END AS conflict
        FROM (
            SELECT
                j.id, j.queue, j.kind, j.attempt, j.max_attempts, j.attempted_at, j.finalized_at, j.attempted_by, j.errors,
                j.metadata, pg_column_size(j.metadata) < %(most_metadata)s AS small
            FROM river.river_job AS j
            WHERE j.state = s.state::river.river_job_state AND j.finalized_at IS NOT NULL
            ORDER BY j.finalized_at DESC
            LIMIT %(scan_bound)s
        ) AS newest
    ) AS seen
    WHERE seen.errors IS NOT NULL OR seen.rescues IS NOT NULL OR seen.conflict IS NOT NULL
    LIMIT %(most_rows)s
) AS r
