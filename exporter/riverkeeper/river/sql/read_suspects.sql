-- Question: Selects the running jobs of the given groups that are past a threshold, with what is known of each.
-- Index: river_job_prioritized_fetching_index by state, queue and priority; the primary key of the heartbeat table, and
-- rescue_once_a_claim for the audit. It runs only where a group has a job that is old enough. At most max_rows rows, the longest running first.
-- NULL: the beat columns where the claim has no row; metadata_beat_at where the metadata has no valid beat; a threshold that does
-- not apply to the group. `unread`: the metadata is too large to read, so that a beat in it is unknown.
-- Ruby and Java date a claim by the worker's clock: where that is ahead, the first heartbeat shows how old the claim is at least.
WITH threshold AS (
    SELECT s.*
    FROM unnest(
        %(queues)s::text[], %(kinds)s::text[], %(priorities)s::smallint[], %(drains)s::double precision[],
        %(heartbeat_limits)s::double precision[], %(progress_limits)s::double precision[],
        %(never_beat_limits)s::double precision[], %(run_limits)s::double precision[], %(result_limits)s::double precision[]
    ) AS s (
        queue, kind, priority, drain, heartbeat_limit, progress_limit, never_beat_limit, run_limit, result_limit
    )
), candidate AS (
    SELECT
        j.id, j.attempt, j.attempted_at, j.queue, j.kind, j.priority, j.max_attempts,
        j.attempted_by[cardinality(j.attempted_by)] AS client_id,
        pg_column_size(j.metadata) >= %(most_bytes)s AS unread,
        CASE WHEN pg_column_size(j.metadata) < %(most_bytes)s THEN j.metadata ->> 'health_check_at' END AS beat_text,
        CASE WHEN pg_column_size(j.metadata) < %(most_bytes)s THEN j.metadata ->> 'cancel_attempted_at' END AS cancel_text,
        s.drain, s.heartbeat_limit, s.progress_limit, s.never_beat_limit, s.run_limit, s.result_limit,
        least(j.attempted_at, h.first_beat_at) AS claimed_at,
        h.instance, h.beat_at AS row_beat_at, h.first_beat_at, h.progress_at, h.progress, h.stop_requested_at, h.ended_at, h.outcome,
        h.stack_requested_at, h.stack_at,
        extract(epoch FROM h.beat_interval)::double precision AS beat_interval,
        extract(epoch FROM h.lease)::double precision AS lease
    FROM (SELECT DISTINCT threshold.queue, threshold.priority FROM threshold) AS partition_key
    CROSS JOIN LATERAL (  -- partition by partition: for one join the planner reads the whole table
        SELECT r.id, r.attempt, r.attempted_at, r.queue, r.kind, r.priority, r.max_attempts, r.attempted_by, r.metadata
        FROM river.river_job AS r
        WHERE r.state = 'running' AND r.queue = partition_key.queue AND r.priority = partition_key.priority
        OFFSET 0
    ) AS j
    JOIN threshold AS s ON s.queue = j.queue AND s.priority = j.priority AND s.kind = j.kind
    LEFT JOIN keeper.heartbeat AS h
        ON h.job_id = j.id AND h.attempted_at = j.attempted_at AND h.attempt = j.attempt
    WHERE h.lost_at IS NULL AND isfinite(j.attempted_at)
    OFFSET 0  -- without OFFSET the metadata is parsed again for each use
), parsed AS (
    SELECT
        candidate.*,
        extract(epoch FROM now() - candidate.claimed_at)::double precision AS age,
        CASE WHEN octet_length(candidate.beat_text) <= 35 AND candidate.beat_text ~ %(rfc3339)s
            THEN candidate.beat_text::timestamptz END AS moment
    FROM candidate
    OFFSET 0
), timed AS (
    SELECT
        parsed.*,
        CASE WHEN parsed.moment >= parsed.attempted_at AND parsed.moment <= now() + interval '5 minutes'
            THEN least(parsed.moment, now()) END AS metadata_beat_at
    FROM parsed
    OFFSET 0
), aged AS (
    SELECT
        timed.*,
        extract(epoch FROM now())::double precision
            - extract(epoch FROM greatest(timed.row_beat_at, timed.metadata_beat_at))::double precision AS heartbeat_age,
        extract(epoch FROM now())::double precision - extract(epoch FROM timed.progress_at)::double precision AS progress_age,
        extract(epoch FROM now())::double precision - extract(epoch FROM timed.ended_at)::double precision AS result_age
    FROM timed
)
SELECT
    a.id,
    a.attempt,
    to_char(a.attempted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS attempted_at,
    a.queue,
    a.kind,
    a.priority,
    a.max_attempts,
    a.client_id,
    a.unread,
    extract(epoch FROM a.attempted_at)::double precision AS claimed_at,
    a.instance::text AS instance,
    extract(epoch FROM greatest(a.row_beat_at, a.metadata_beat_at))::double precision AS beat_at,
    a.row_beat_at IS NULL AS by_metadata,
    extract(epoch FROM a.first_beat_at)::double precision AS first_beat_at,
    a.beat_interval AS interval,
    a.lease,
    a.outcome,
    extract(epoch FROM a.progress_at)::double precision AS progress_at,
    a.progress,
    extract(epoch FROM a.stop_requested_at)::double precision AS stop_requested_at,
    extract(epoch FROM a.stack_requested_at)::double precision AS stack_requested_at,
    extract(epoch FROM a.stack_at)::double precision AS stack_at,
    extract(epoch FROM a.ended_at)::double precision AS ended_at,
    CASE WHEN octet_length(a.cancel_text) <= 35 AND a.cancel_text ~ %(rfc3339)s
        THEN extract(epoch FROM a.cancel_text::timestamptz)::double precision END AS cancel_at,
    (
        SELECT count(*)
        FROM (
            SELECT r.at FROM keeper.rescue AS r WHERE r.job_id = a.id AND NOT r.dry_run AND r.action <> 'stop' OFFSET 0
        ) AS acted
        WHERE acted.at > now() - interval '24 hours'
    ) AS rescues
FROM aged AS a
WHERE a.age > a.run_limit
   OR a.heartbeat_age > greatest(
       a.heartbeat_limit, 3 * coalesce(a.beat_interval, %(metadata_interval)s::double precision), a.lease + a.drain
   ) AND a.heartbeat_limit IS NOT NULL
   OR a.progress_age > a.progress_limit
   OR a.outcome = ANY (%(gave_up)s::text[]) AND a.result_age > a.result_limit
   OR a.heartbeat_age IS NULL AND a.age > a.never_beat_limit AND a.client_id = ANY (%(clients)s::text[])
   OR a.client_id = ANY (%(dead_clients)s::text[])
ORDER BY a.attempted_at, a.id
LIMIT %(max_rows)s + 1
