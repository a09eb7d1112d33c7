-- Question: Counts the running jobs by group, with the ages of claims, heartbeats and progress, the clients, and faults.
-- Index: river_job_prioritized_fetching_index for the running rows (at most max_rows), then each row once, or each page once
-- where there are many; the heartbeat table's primary key. `part` is 'pair' (queue, kind, priority), 'age' or 'beat' (buckets),
-- or 'client'.
-- NULL: oldest_claim where attempted_at is missing or infinite; oldest_beat, oldest_progress and longest_interval where no job of
-- the group beats; oldest_unbeaten where every job beats; oldest_given_up where no client gave up a running claim; longest_lease
-- where no claim has a lease.
-- A beat is the claim's row in the heartbeat table, or metadata.health_check_at in RFC 3339; the later texts counts. The key of the
-- metadata counts from the claim on, because it outlives a retry, and up to five minutes ahead of now(), because a worker's
-- clock wrote it. Metadata that is too large is not read.
-- Ruby and Java date a claim by the worker's clock: where its first heartbeat shows that this clock is wrong, the heartbeat counts.
WITH attempt_row AS MATERIALIZED (  -- MATERIALIZED: the metadata of a row is parsed once, not once for each column
    SELECT
        seen.queue, seen.kind, seen.priority, seen.share, seen.client, seen.failed, seen.last_attempt,
        CASE
            WHEN h.first_beat_at < seen.claimed_at THEN h.first_beat_at
            WHEN h.first_beat_at > seen.claimed_at + 3 * h.beat_interval AND seen.client ~ %(own_clock_ids)s
                THEN least(h.first_beat_at, seen.claimed_at + make_interval(secs => %(most_skew)s))
            ELSE seen.claimed_at
        END AS claimed_at,
        seen.large, seen.large_bytes, seen.no_object,
        seen.small ->> 'health_check_at' AS beat_text,
        seen.small ->> 'health_check_at' LIKE '____-__-__T__:__:__%%'
            AND octet_length(seen.small ->> 'health_check_at') <= 35 AS beat_like,  -- so that it is one moment, not two
        seen.small -> 'cancel_attempted_at' AS cancel,
        seen.small -> 'river:rescue_count' AS rescues,
        CASE WHEN h.beat_at > now() THEN now() ELSE h.beat_at END AS row_beat_at,  -- a beat may be newer than this transaction
        h.beat_interval, h.lease, h.progress_at,
        h.lost_at IS NOT NULL
            OR h.ended_at IS NOT NULL AND h.outcome = ANY (%(gave_up)s::text[]) AS beats_ended,
        CASE WHEN h.lost_at IS NULL AND h.outcome = ANY (%(gave_up)s::text[]) THEN h.ended_at END AS gave_up_at
    FROM (
        SELECT
            j.id, j.attempt, j.attempted_at, j.queue, j.kind, j.priority,
            j.id & 63 AS share,
            CASE WHEN isfinite(j.attempted_at) THEN j.attempted_at END AS claimed_at,
            j.attempted_by[cardinality(j.attempted_by)] AS client,
            j.errors IS NOT NULL AND pg_column_size(j.errors) > 16 AS failed,
            j.attempt >= j.max_attempts AS last_attempt,
            CASE WHEN pg_column_size(j.metadata) < %(inline_bytes)s
                THEN jsonb_typeof(j.metadata) NOT IN ('object', 'null') END AS no_object,
            CASE WHEN pg_column_size(j.metadata) < %(inline_bytes)s
                AND pg_column_size(j.metadata) > %(keyless_bytes)s THEN j.metadata END AS small,
            CASE WHEN pg_column_size(j.metadata) >= %(inline_bytes)s THEN j.metadata END AS large,
            CASE WHEN pg_column_size(j.metadata) >= %(inline_bytes)s THEN pg_column_size(j.metadata) END AS large_bytes
        FROM river.river_job AS j
        WHERE j.state = 'running'
        LIMIT %(max_rows)s + 1
    ) AS seen
    LEFT JOIN keeper.heartbeat AS h
        ON h.job_id = seen.id AND h.attempted_at = seen.attempted_at AND h.attempt = seen.attempt
), affordable AS MATERIALIZED (  -- the largest size up to which all large metadata together is within the budget
    SELECT max(rising.large_bytes) AS large_bytes
    FROM (
        SELECT attempt_row.large_bytes, sum(attempt_row.large_bytes) OVER (ORDER BY attempt_row.large_bytes) AS together
        FROM attempt_row
        WHERE attempt_row.large_bytes < %(most_bytes)s
    ) AS rising
    WHERE rising.together <= %(most_bytes_together)s
), unparsable AS MATERIALIZED (  -- shares of the rows with a text that is no moment: their texts are checked one by one
    SELECT coalesce(bit_or(1::bigint << texts.share::integer), 0) AS shares
    FROM (
        SELECT attempt_row.share, string_agg(attempt_row.beat_text, ' ') AS beat_texts
        FROM attempt_row
        WHERE attempt_row.beat_like
        GROUP BY attempt_row.share
    ) AS texts
    WHERE texts.beat_texts !~ %(rfc3339_list)s
), parsed AS (
    SELECT
        chosen.*,
        coalesce(chosen.beat_text, chosen.read ->> 'health_check_at') AS any_beat_text,
        coalesce(chosen.cancel, chosen.read -> 'cancel_attempted_at') AS any_cancel,
        coalesce(chosen.rescues, chosen.read -> 'river:rescue_count') AS any_rescues,
        coalesce(chosen.no_object, jsonb_typeof(chosen.read) NOT IN ('object', 'null')) AS not_object,
        chosen.large_bytes IS NOT NULL AND chosen.read IS NULL AS unread,
        CASE
            WHEN chosen.beat_like
                THEN CASE WHEN (SELECT unparsable.shares FROM unparsable) >> chosen.share::integer & 1 = 0
                    OR chosen.beat_text ~ %(rfc3339)s THEN chosen.beat_text::timestamptz END
            WHEN chosen.read ->> 'health_check_at' ~ %(rfc3339)s THEN (chosen.read ->> 'health_check_at')::timestamptz
        END AS moment
    FROM (
        SELECT
            attempt_row.*,
            CASE WHEN attempt_row.large_bytes <= (SELECT affordable.large_bytes FROM affordable) THEN attempt_row.large END AS read
        FROM attempt_row
        OFFSET 0  -- without OFFSET the columns above are computed again for each use
    ) AS chosen
    OFFSET 0
), timed AS (
    SELECT
        parsed.*,
        CASE WHEN parsed.moment >= parsed.claimed_at AND parsed.moment <= now() + interval '5 minutes'
            THEN least(parsed.moment, now()) END AS metadata_beat_at
    FROM parsed
    OFFSET 0
), with_beat AS (
    SELECT
        timed.*,
        greatest(timed.metadata_beat_at, timed.row_beat_at) AS beat_at,
        CASE WHEN timed.beats_ended IS NOT TRUE THEN greatest(timed.metadata_beat_at, timed.row_beat_at) END AS awaited_since
    FROM timed
    OFFSET 0
), edges AS (
    SELECT
        ARRAY(SELECT now() - make_interval(secs => e) FROM unnest(%(age_edges)s::double precision[]) AS e ORDER BY 1) AS age,
        ARRAY(SELECT now() - make_interval(secs => e) FROM unnest(%(beat_edges)s::double precision[]) AS e ORDER BY 1) AS beat
), job_group AS (
    SELECT
        b.queue,
        b.kind,
        b.priority,
        %(age_buckets)s - width_bucket(b.claimed_at, (SELECT edges.age FROM edges)) AS age_bucket,
        %(beat_buckets)s - width_bucket(b.awaited_since, (SELECT edges.beat FROM edges)) AS beat_bucket,
        count(*) AS jobs,
        min(b.claimed_at) AS oldest_claim,
        max(b.claimed_at) AS last_claim,
        count(b.beat_at) AS beating,
        min(b.awaited_since) AS oldest_beat,
        min(b.progress_at) FILTER (WHERE b.beats_ended IS NOT TRUE) AS oldest_progress,
        min(b.claimed_at) FILTER (WHERE b.beat_at IS NULL) AS oldest_unbeaten,
        min(b.gave_up_at) AS oldest_given_up,
        max(b.beat_interval) AS longest_interval,
        count(*) FILTER (WHERE b.metadata_beat_at IS NOT NULL AND b.row_beat_at IS NULL) AS undeclared,
        max(b.lease) AS longest_lease,
        sum(greatest(date_part('epoch', now() - b.claimed_at), 0)) AS age_seconds,
        sum(date_part('epoch', now() - b.awaited_since)) AS beat_age_seconds,
        count(*) FILTER (WHERE b.failed) AS failing,
        count(*) FILTER (WHERE b.last_attempt) AS last_attempt,
        count(*) FILTER (WHERE jsonb_typeof(b.any_cancel) <> 'null') AS cancel_pending,
        count(*) FILTER (WHERE b.any_beat_text IS NOT NULL AND b.metadata_beat_at IS NULL) AS unreadable_beats,
        count(*) FILTER (WHERE b.unread) AS unread,
        count(*) FILTER (WHERE b.not_object
            OR CASE jsonb_typeof(b.any_cancel)
                WHEN 'string' THEN b.any_cancel #>> '{}' !~ %(rfc3339)s
                WHEN 'null' THEN false
                ELSE b.any_cancel IS NOT NULL
            END
            OR CASE WHEN jsonb_typeof(b.any_rescues) = 'number'
                THEN b.any_rescues::text !~ '^-?[0-9]+$' OR abs(b.any_rescues::numeric) >= 2147483647
            END) AS poison
    FROM with_beat AS b
    GROUP BY 1, 2, 3, 4, 5
)
SELECT
    CASE grouping(job_group.kind, job_group.age_bucket, job_group.beat_bucket) WHEN 3 THEN 'pair' WHEN 5 THEN 'age' ELSE 'beat' END AS part,
    job_group.queue,
    job_group.kind,
    job_group.priority,
    coalesce(job_group.age_bucket, job_group.beat_bucket) AS bucket,
    sum(job_group.jobs)::bigint AS jobs,
    extract(epoch FROM min(job_group.oldest_claim))::double precision AS oldest_claim,
    extract(epoch FROM max(job_group.last_claim))::double precision AS last_claim,
    sum(job_group.beating)::bigint AS beating,
    extract(epoch FROM min(job_group.oldest_beat))::double precision AS oldest_beat,
    extract(epoch FROM min(job_group.oldest_progress))::double precision AS oldest_progress,
    extract(epoch FROM min(job_group.oldest_unbeaten))::double precision AS oldest_unbeaten,
    extract(epoch FROM min(job_group.oldest_given_up))::double precision AS oldest_given_up,
    sum(job_group.undeclared)::bigint AS undeclared,
    greatest(
        extract(epoch FROM max(job_group.longest_interval))::double precision,
        CASE WHEN sum(job_group.undeclared) > 0 THEN %(metadata_interval)s::double precision END
    ) AS longest_interval,
    extract(epoch FROM max(job_group.longest_lease))::double precision AS longest_lease,
    sum(job_group.age_seconds) AS age_seconds,
    sum(job_group.beat_age_seconds) AS beat_age_seconds,
    sum(job_group.failing)::bigint AS failing,
    sum(job_group.last_attempt)::bigint AS last_attempt,
    sum(job_group.cancel_pending)::bigint AS cancel_pending,
    sum(job_group.unreadable_beats)::bigint AS unreadable_beats,
    sum(job_group.unread)::bigint AS unread,
    sum(job_group.poison)::bigint AS poison
FROM job_group
GROUP BY GROUPING SETS (
    (job_group.queue, job_group.kind, job_group.priority), (job_group.queue, job_group.age_bucket), (job_group.queue, job_group.beat_bucket)
)
UNION ALL
SELECT
    'client', busy.queue, NULL, NULL, NULL, count(*),
    NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM (SELECT DISTINCT attempt_row.queue, attempt_row.client FROM attempt_row WHERE attempt_row.client IS NOT NULL) AS busy
GROUP BY busy.queue
