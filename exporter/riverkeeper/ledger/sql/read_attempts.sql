-- Question: Lists the jobs with failed or rescued attempts that are not counted yet, and attempts that have run for long: the next
-- jobs of each given (state, queue, priority), and the jobs that finished in the given slots.
-- Index: river_job_prioritized_fetching_index, at most its bound of rows of each; river_job_state_and_finalized_at_index, the rows of
-- the slots; then the primary key of ledger_attempt for each row with an ended attempt. At most most_rows rows come back,
-- finished jobs first: a live one comes again. Errors are read of these only, and only up to most_bytes as stored.
-- NULL: errors where there are none, or they are too large; rescues where the metadata has no such key, or is too large.
-- Where nothing is stored of a waiting job, its last attempt began after `since`, or its entries are older and were counted. An
-- attempt that runs since before `refresh` is stored, so that its end is counted however long it runs. OFFSET 0 keeps the
-- planner from reading errors and metadata of rows that are not listed.
SELECT
    r.id AS job_id,
    r.queue,
    r.kind,
    r.state,
    r.attempt,
    r.max_attempts,
    CASE WHEN r.small THEN left(r.metadata ->> 'river:rescue_count', 16) END AS rescues,
    coalesce(r.small AND r.metadata ? 'unique_key_conflict', false) AS conflict,
    coalesce(cardinality(r.errors), 0) AS failures,
    CASE WHEN pg_column_size(r.errors) < %(most_bytes)s THEN (
        SELECT jsonb_agg(
            jsonb_build_object('attempt', e.error -> 'attempt', 'at', e.error -> 'at', 'error', left(e.error ->> 'error', 40))
            ORDER BY e.position
        )
        FROM unnest(r.errors) WITH ORDINALITY AS e (error, position)
        WHERE e.position > cardinality(r.errors) - %(most_errors)s
    ) END AS errors
FROM (
    SELECT seen.*, pg_column_size(seen.metadata) < %(most_metadata)s AS small
    FROM (
        SELECT done.*, true AS final
        FROM unnest(%(slots)s::bigint[]) AS s (slot)
        CROSS JOIN LATERAL (
            SELECT
                j.id, j.queue, j.kind, j.attempt, j.max_attempts, j.attempted_at, j.errors, j.metadata,
                CASE WHEN j.state = 'completed' THEN j.attempt - 1 ELSE j.attempt END AS ended,
                j.state::text AS state
            FROM river.river_job AS j
            WHERE j.state IN ('cancelled', 'completed', 'discarded')
              AND j.finalized_at >= to_timestamp(s.slot * 10) AND j.finalized_at < to_timestamp(s.slot * 10 + 10)
            OFFSET 0
        ) AS done
        WHERE done.ended > 0 AND done.errors IS NOT NULL
        UNION ALL
        SELECT live.*, given.state, false AS final
        FROM unnest(%(states)s::text[], %(queues)s::text[], %(priorities)s::smallint[], %(bounds)s::bigint[])
            AS given (state, queue, priority, bound)
        CROSS JOIN LATERAL (
            SELECT
                j.id, j.queue, j.kind, j.attempt, j.max_attempts, j.attempted_at, j.errors, j.metadata,
                CASE WHEN given.state = 'running' THEN j.attempt - 1 ELSE j.attempt END AS ended
            FROM river.river_job AS j
            WHERE j.state = given.state::river.river_job_state AND j.queue = given.queue AND j.priority = given.priority
            ORDER BY j.scheduled_at, j.id
            LIMIT given.bound
        ) AS live
        WHERE live.ended > 0 OR given.state = 'running' AND live.attempted_at < to_timestamp(%(refresh)s::double precision)
    ) AS seen
    LEFT JOIN LATERAL (
        SELECT k.attempt, k.seen_at
        FROM keeper.ledger_attempt AS k
        WHERE k.job_id = seen.id
        LIMIT 1
    ) AS known ON true
    WHERE CASE
        WHEN known.attempt IS NOT NULL
            THEN seen.ended > known.attempt OR seen.state = 'running' AND known.seen_at < %(refresh)s::double precision
        WHEN seen.final OR seen.state = 'running' THEN true
        ELSE seen.attempted_at >= to_timestamp(%(since)s::double precision)
    END
    LIMIT %(most_rows)s
    OFFSET 0
) AS r
