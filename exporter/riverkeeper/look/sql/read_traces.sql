-- Question: Lists the jobs with a trace of a problem (errors, rescues, snoozes, conflicts): of each given final state (its queue is
-- NULL) those that ended last, of each given queue of a live state the next ones.
-- Index: river_job_state_and_finalized_at_index backwards for final states, river_job_prioritized_fetching_index for live ones; at
-- most `bound` rows of each. Errors are read of the returned rows only, and only up to most_bytes as stored.
-- NULL: errors where there are none or they are too large; rescues, snoozes and conflict where the metadata has no such key or is
-- too large to read; attempted_at of a job that never ran; ended_at of a live job.
SELECT
    s.state,
    r.id,
    r.queue,
    r.kind,
    r.attempt,
    r.max_attempts,
    r.priority,
    extract(epoch FROM r.created_at)::double precision AS created_at,
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
FROM unnest(%(states)s::text[], %(queues)s::text[], %(bounds)s::bigint[], %(mosts)s::bigint[]) AS s (state, queue, bound, most)
CROSS JOIN LATERAL (
    SELECT *
    FROM (
        SELECT
            j.*,
            CASE WHEN j.small THEN left(j.metadata ->> 'river:rescue_count', 16) END AS rescues,
            CASE WHEN j.small THEN left(j.metadata ->> 'snoozes', 16) END AS snoozes,
            CASE WHEN j.small AND s.queue IS NULL THEN left(j.metadata ->> 'unique_key_conflict', 40) END AS conflict
        FROM (
            (
                SELECT
                    f.id, f.queue, f.kind, f.attempt, f.max_attempts, f.priority, f.created_at, f.attempted_at,
                    f.finalized_at, f.attempted_by, f.errors, f.metadata, pg_column_size(f.metadata) < %(most_metadata)s AS small
                FROM river.river_job AS f
                WHERE s.queue IS NULL AND f.state = s.state::river.river_job_state AND f.finalized_at IS NOT NULL
                ORDER BY f.finalized_at DESC
                LIMIT s.bound
            )
            UNION ALL
            (
                SELECT
                    l.id, l.queue, l.kind, l.attempt, l.max_attempts, l.priority, l.created_at, l.attempted_at,
                    l.finalized_at, l.attempted_by, l.errors, l.metadata, pg_column_size(l.metadata) < %(most_metadata)s AS small
                FROM river.river_job AS l
                WHERE l.state = s.state::river.river_job_state AND l.queue = s.queue
                ORDER BY l.priority, l.scheduled_at, l.id
                LIMIT s.bound
            )
        ) AS j
    ) AS seen
    WHERE seen.errors IS NOT NULL
       OR seen.rescues IS NOT NULL
       OR seen.conflict IS NOT NULL
       OR seen.snoozes IS NOT NULL AND s.queue IS NOT NULL
    LIMIT s.most
) AS r
