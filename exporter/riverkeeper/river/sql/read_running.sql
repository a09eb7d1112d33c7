-- Question: what is running, since when, on how many clients, and when did it last say that it lives and moves?
-- Index: river_job_prioritized_fetching_index for the running rows (at most max_rows), then each of them once, or
-- where there are many each of their pages; the heartbeat table's primary key. The pass is folded into cells; `part` tells what they add up to: 'pair' (queue, kind,
-- priority), 'age' and 'beat' (buckets), 'client'.
-- NULL: oldest_claim where attempted_at is missing or infinite; oldest_beat, oldest_progress and longest_interval where
-- nothing of the group beats; oldest_unbeaten where everything does; oldest_given_up where no client gave up a claim that still runs;
-- longest_lease where no client has one.
-- A beat is the claim's row in the heartbeat table, or metadata.health_check_at in RFC 3339, from the claim on (the key
-- outlives a retry), at most five minutes ahead (a worker's clock); the later one counts. Metadata too large to look
-- into is unread, never guessed.
WITH said AS MATERIALIZED (  -- the metadata of a row is taken apart once, not once for every column made of it
    SELECT
        seen.queue, seen.kind, seen.priority, seen.share, seen.claimed_at, seen.client, seen.failed, seen.last_attempt,
        seen.large, seen.large_bytes, seen.no_object,
        seen.small ->> 'health_check_at' AS beat_text,
        seen.small ->> 'health_check_at' LIKE '____-__-__T__:__:__%%'
            AND octet_length(seen.small ->> 'health_check_at') <= 35 AS beat_like,  -- never two moments
        seen.small -> 'cancel_attempted_at' AS cancel,
        seen.small -> 'river:rescue_count' AS rescues,
        CASE WHEN h.beat_at > now() THEN now() ELSE h.beat_at END AS row_beat_at,  -- it may be younger than this transaction
        h.beat_interval, h.lease, h.progress_at,
        h.lost_at IS NOT NULL
            OR h.ended_at IS NOT NULL AND h.outcome = ANY (%(gave_up)s::text[]) AS beats_no_more,
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
), affordable AS MATERIALIZED (  -- large metadata up to this size, which all together is not too much
    SELECT max(rising.large_bytes) AS large_bytes
    FROM (
        SELECT said.large_bytes, sum(said.large_bytes) OVER (ORDER BY said.large_bytes) AS together
        FROM said
        WHERE said.large_bytes < %(most_bytes)s
    ) AS rising
    WHERE rising.together <= %(most_bytes_together)s
), doubtful AS MATERIALIZED (  -- shares of the rows that hold something which is no moment; each text there goes alone
    SELECT coalesce(bit_or(1::bigint << one.share::integer), 0) AS shares
    FROM (
        SELECT said.share, string_agg(said.beat_text, ' ') AS beat_texts
        FROM said
        WHERE said.beat_like
        GROUP BY said.share
    ) AS one
    WHERE one.beat_texts !~ %(rfc3339_list)s
), parsed AS (
    SELECT
        told.*,
        coalesce(told.beat_text, told.read ->> 'health_check_at') AS any_beat_text,
        coalesce(told.cancel, told.read -> 'cancel_attempted_at') AS any_cancel,
        coalesce(told.rescues, told.read -> 'river:rescue_count') AS any_rescues,
        coalesce(told.no_object, jsonb_typeof(told.read) NOT IN ('object', 'null')) AS poor,
        told.large_bytes IS NOT NULL AND told.read IS NULL AS unread,
        CASE
            WHEN told.beat_like
                THEN CASE WHEN (SELECT doubtful.shares FROM doubtful) >> told.share::integer & 1 = 0
                    OR told.beat_text ~ %(rfc3339)s THEN told.beat_text::timestamptz END
            WHEN told.read ->> 'health_check_at' ~ %(rfc3339)s THEN (told.read ->> 'health_check_at')::timestamptz
        END AS moment
    FROM (
        SELECT
            said.*,
            CASE WHEN said.large_bytes <= (SELECT affordable.large_bytes FROM affordable) THEN said.large END AS read
        FROM said
        OFFSET 0  -- a fence: without it everything above is done again for each use of its result
    ) AS told
    OFFSET 0
), timed AS (
    SELECT
        parsed.*,
        CASE WHEN parsed.moment >= parsed.claimed_at AND parsed.moment <= now() + interval '5 minutes'
            THEN least(parsed.moment, now()) END AS told_at
    FROM parsed
    OFFSET 0
), beaten AS (
    SELECT
        timed.*,
        greatest(timed.told_at, timed.row_beat_at) AS beat_at,
        CASE WHEN timed.beats_no_more IS NOT TRUE THEN greatest(timed.told_at, timed.row_beat_at) END AS awaited_since
    FROM timed
    OFFSET 0
), edges AS (
    SELECT
        ARRAY(SELECT now() - make_interval(secs => e) FROM unnest(%(age_edges)s::double precision[]) AS e ORDER BY 1) AS age,
        ARRAY(SELECT now() - make_interval(secs => e) FROM unnest(%(beat_edges)s::double precision[]) AS e ORDER BY 1) AS beat
), cell AS (
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
        min(b.progress_at) FILTER (WHERE b.beats_no_more IS NOT TRUE) AS oldest_progress,
        min(b.claimed_at) FILTER (WHERE b.beat_at IS NULL) AS oldest_unbeaten,
        min(b.gave_up_at) AS oldest_given_up,
        max(b.beat_interval) AS longest_interval,
        count(*) FILTER (WHERE b.told_at IS NOT NULL AND b.row_beat_at IS NULL) AS undeclared,
        max(b.lease) AS longest_lease,
        sum(greatest(date_part('epoch', now() - b.claimed_at), 0)) AS age_seconds,
        sum(date_part('epoch', now() - b.awaited_since)) AS beat_age_seconds,
        count(*) FILTER (WHERE b.failed) AS failing,
        count(*) FILTER (WHERE b.last_attempt) AS last_attempt,
        count(*) FILTER (WHERE jsonb_typeof(b.any_cancel) <> 'null') AS cancel_pending,
        count(*) FILTER (WHERE b.any_beat_text IS NOT NULL AND b.told_at IS NULL) AS unreadable_beats,
        count(*) FILTER (WHERE b.unread) AS unread,
        count(*) FILTER (WHERE b.poor
            OR CASE jsonb_typeof(b.any_cancel)
                WHEN 'string' THEN b.any_cancel #>> '{}' !~ %(rfc3339)s
                WHEN 'null' THEN false
                ELSE b.any_cancel IS NOT NULL
            END
            OR CASE WHEN jsonb_typeof(b.any_rescues) = 'number'
                THEN b.any_rescues::text !~ '^-?[0-9]+$' OR abs(b.any_rescues::numeric) >= 2147483647
            END) AS poison
    FROM beaten AS b
    GROUP BY 1, 2, 3, 4, 5
)
SELECT
    CASE grouping(cell.kind, cell.age_bucket, cell.beat_bucket) WHEN 3 THEN 'pair' WHEN 5 THEN 'age' ELSE 'beat' END AS part,
    cell.queue,
    cell.kind,
    cell.priority,
    coalesce(cell.age_bucket, cell.beat_bucket) AS bucket,
    sum(cell.jobs)::bigint AS jobs,
    extract(epoch FROM min(cell.oldest_claim))::double precision AS oldest_claim,
    extract(epoch FROM max(cell.last_claim))::double precision AS last_claim,
    sum(cell.beating)::bigint AS beating,
    extract(epoch FROM min(cell.oldest_beat))::double precision AS oldest_beat,
    extract(epoch FROM min(cell.oldest_progress))::double precision AS oldest_progress,
    extract(epoch FROM min(cell.oldest_unbeaten))::double precision AS oldest_unbeaten,
    extract(epoch FROM min(cell.oldest_given_up))::double precision AS oldest_given_up,
    sum(cell.undeclared)::bigint AS undeclared,
    greatest(
        extract(epoch FROM max(cell.longest_interval))::double precision,
        CASE WHEN sum(cell.undeclared) > 0 THEN %(metadata_interval)s::double precision END
    ) AS longest_interval,
    extract(epoch FROM max(cell.longest_lease))::double precision AS longest_lease,
    sum(cell.age_seconds) AS age_seconds,
    sum(cell.beat_age_seconds) AS beat_age_seconds,
    sum(cell.failing)::bigint AS failing,
    sum(cell.last_attempt)::bigint AS last_attempt,
    sum(cell.cancel_pending)::bigint AS cancel_pending,
    sum(cell.unreadable_beats)::bigint AS unreadable_beats,
    sum(cell.unread)::bigint AS unread,
    sum(cell.poison)::bigint AS poison
FROM cell
GROUP BY GROUPING SETS (
    (cell.queue, cell.kind, cell.priority), (cell.queue, cell.age_bucket), (cell.queue, cell.beat_bucket)
)
UNION ALL
SELECT
    'client', busy.queue, NULL, NULL, NULL, count(*),
    NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM (SELECT DISTINCT said.queue, said.client FROM said WHERE said.client IS NOT NULL) AS busy
GROUP BY busy.queue
