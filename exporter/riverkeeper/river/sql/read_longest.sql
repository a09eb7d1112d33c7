-- Question: Lists the running jobs that have run longest, with the heartbeat of each, and counts all that the filters select.
-- Index: river_job_prioritized_fetching_index, at most max_rows running rows, of one queue where one is given; then river_job_pkey
-- and the primary key of heartbeat for the shown rows, rescue_once_a_claim for their rescues. No index has attempted_at: the longest are found among all running rows.
-- A filter that is NULL filters nothing. A worker is a client id, or the host or pod of such ids. A tier is given as its queues,
-- kinds and priorities, in parallel arrays.
-- NULL: all columns of the job where no job is selected; the beat columns where the claim has no row; beat_at where the metadata has
-- no valid beat either; software where no process of the client beats. claimed_at is NaN where attempted_at is missing or infinite.
-- Ruby and Java date a claim by the worker's clock: in the order it counts from the latest moment at which it can have been made.
WITH position AS (
    SELECT
        j.id,
        j.queue,
        j.kind,
        j.priority,
        j.attempted_by[cardinality(j.attempted_by)] AS client_id,
        CASE WHEN isfinite(j.attempted_at) THEN j.attempted_at END AS claimed_at,
        row_number() OVER () AS number
    FROM river.river_job AS j
    WHERE j.state = 'running'
      AND (%(queue)s::text IS NULL OR j.queue = %(queue)s::text)
    LIMIT %(max_rows)s + 1
), selected AS MATERIALIZED (
    SELECT
        p.id,
        CASE WHEN left(right(p.client_id, 13), 1) = '-' AND p.client_id ~ %(own_clock_ids)s  -- first what is cheap
            THEN least(p.claimed_at + make_interval(secs => %(most_skew)s), now()) ELSE p.claimed_at END AS since
    FROM position AS p
    WHERE p.number <= %(max_rows)s
      AND (%(kind)s::text IS NULL OR p.kind = %(kind)s::text)
      AND (%(kinds)s::text[] IS NULL OR (p.queue, p.kind, p.priority) IN (
          SELECT g.queue, g.kind, g.priority
          FROM unnest(%(queues)s::text[], %(kinds)s::text[], %(priorities)s::smallint[]) AS g (queue, kind, priority)
      ))
      AND (%(worker)s::text IS NULL OR p.client_id = %(worker)s::text
          OR starts_with(p.client_id, %(worker)s::text)
             AND substr(p.client_id, length(%(worker)s::text) + 1) ~ %(id_after_host)s)
), total AS (
    SELECT count(*) AS found FROM selected
), longest AS (
    SELECT selected.id, selected.since
    FROM selected
    ORDER BY selected.since NULLS LAST, selected.id
    LIMIT %(shown)s
), process AS (
    SELECT c.client_id, array_agg(DISTINCT c.software) AS software FROM keeper.client AS c GROUP BY c.client_id
), candidate AS (
    SELECT
        r.id, r.attempt, r.attempted_at, r.queue, r.kind, r.priority, r.max_attempts,
        r.attempted_by[cardinality(r.attempted_by)] AS client_id,
        longest.since,
        CASE WHEN pg_column_size(r.metadata) < %(most_bytes)s THEN r.metadata ->> 'health_check_at' END AS beat_text
    FROM longest
    JOIN river.river_job AS r ON r.id = longest.id
    OFFSET 0  -- without OFFSET the metadata is parsed again for each use
), parsed AS (
    SELECT
        candidate.*,
        CASE WHEN octet_length(candidate.beat_text) <= 35 AND candidate.beat_text ~ %(rfc3339)s
            THEN candidate.beat_text::timestamptz END AS moment
    FROM candidate
    OFFSET 0
)
SELECT
    total.found,
    (SELECT count(*) FROM position) > %(max_rows)s AS bounded,
    p.id,
    p.attempt,
    to_char(p.attempted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS attempted_at,
    p.queue,
    p.kind,
    p.priority,
    p.max_attempts,
    p.client_id,
    CASE WHEN isfinite(p.attempted_at) THEN extract(epoch FROM p.attempted_at)::double precision
        ELSE 'NaN' END AS claimed_at,
    process.software,
    h.instance::text AS instance,
    extract(epoch FROM greatest(CASE WHEN h.beat_at > now() THEN now() ELSE h.beat_at END, CASE
        WHEN p.moment >= p.attempted_at AND p.moment <= now() + interval '5 minutes' THEN least(p.moment, now())
    END))::double precision AS beat_at,
    h.beat_at IS NULL AS by_metadata,
    extract(epoch FROM h.first_beat_at)::double precision AS first_beat_at,
    extract(epoch FROM h.beat_interval)::double precision AS interval,
    extract(epoch FROM h.lease)::double precision AS lease,
    extract(epoch FROM h.progress_at)::double precision AS progress_at,
    h.progress,
    extract(epoch FROM h.lost_at)::double precision AS lost_at,
    extract(epoch FROM h.stop_requested_at)::double precision AS stop_requested_at,
    extract(epoch FROM h.stack_requested_at)::double precision AS stack_requested_at,
    extract(epoch FROM h.stack_at)::double precision AS stack_at,
    extract(epoch FROM h.ended_at)::double precision AS ended_at,
    h.outcome,
    (
        SELECT count(*)
        FROM (
            SELECT r.at FROM keeper.rescue AS r WHERE r.job_id = p.id AND NOT r.dry_run AND r.action <> 'stop' OFFSET 0
        ) AS acted
        WHERE acted.at > now() - interval '24 hours'
    ) AS rescues
FROM total
LEFT JOIN parsed AS p ON true
LEFT JOIN keeper.heartbeat AS h ON h.job_id = p.id AND h.attempted_at = p.attempted_at AND h.attempt = p.attempt
LEFT JOIN process ON process.client_id = p.client_id
ORDER BY p.since NULLS LAST, p.id
