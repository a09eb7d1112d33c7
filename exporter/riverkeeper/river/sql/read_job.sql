-- Question: Reads one job, with its newest errors; never its arguments.
-- Index: river_job_pkey; keeper.rescue by rescue_once_a_claim.
-- NULL: attempted_at and claimed_at of a job that was never claimed, or whose attempted_at is infinite; cancel_at and health_at where the
-- metadata has no such key or is too large to read (`unread`); errors where there are none; error_count where they are too large to read.
-- Texts are cut. `at` of an error is the start of the attempt by the worker's clock; of a rescue, its time.
SELECT
    j.id,
    j.state::text AS state,
    j.queue,
    j.kind,
    j.priority,
    j.attempt,
    j.max_attempts,
    j.attempted_by[cardinality(j.attempted_by)] AS client_id,
    CASE WHEN isfinite(j.attempted_at)
        THEN to_char(j.attempted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') END AS attempted_at,
    CASE WHEN isfinite(j.attempted_at) THEN extract(epoch FROM j.attempted_at)::double precision END AS claimed_at,
    extract(epoch FROM j.scheduled_at)::double precision AS scheduled_at,
    extract(epoch FROM j.finalized_at)::double precision AS finalized_at,
    pg_column_size(j.metadata) >= %(most_bytes)s AS unread,
    CASE WHEN pg_column_size(j.metadata) < %(most_bytes)s THEN left(j.metadata ->> 'cancel_attempted_at', 64) END AS cancel_at,
    CASE WHEN pg_column_size(j.metadata) < %(most_bytes)s THEN left(j.metadata ->> 'health_check_at', 64) END AS health_at,
    CASE
        WHEN j.errors IS NULL THEN 0
        WHEN pg_column_size(j.errors) <= %(most_error_bytes)s THEN cardinality(j.errors)
    END AS error_count,
    CASE WHEN pg_column_size(j.errors) <= %(most_error_bytes)s THEN (
        SELECT jsonb_agg(
            jsonb_build_object(
                'attempt', e.entry -> 'attempt', 'at', left(e.entry ->> 'at', 64),
                'error', left(e.entry ->> 'error', %(most_letters)s), 'trace', left(e.entry ->> 'trace', %(most_letters)s)
            )
            ORDER BY e.place DESC
        )
        FROM unnest(j.errors[greatest(1, cardinality(j.errors) - %(most_errors)s + 1):]) WITH ORDINALITY AS e (entry, place)
    ) END AS errors,
    (
        SELECT count(*)
        FROM (
            SELECT r.at FROM keeper.rescue AS r WHERE r.job_id = j.id AND NOT r.dry_run AND r.action <> 'stop' OFFSET 0
        ) AS acted
        WHERE acted.at > now() - interval '24 hours'
    ) AS rescues
FROM river.river_job AS j
WHERE j.id = %(job_id)s
