-- Generated from clients/sql/beat_plain.sql: do not edit.
--   $1 instance
--   $2 client_id
--   $3 beat_interval
--   $4 job_ids
--   $5 attempted_ats
-- Question: (writes) Records a beat of this process and of its claims, for a plain client: no progress, no lease, no
-- token, all kinds. Which of these claims does it still hold?
-- Index: primary keys of client, heartbeat and river_job. One statement per process and tick, also without claims.
-- It looks up, updates and inserts as beat.sql does. Each parameter stands once, in its order, for drivers that count `?`.
-- NULL: never.
-- One row comes back for each claim given: its ordinal in the arrays, from 1, and its status, as in beat.sql.
--
-- Parameters: instance uuid, client_id text, beat_interval interval; and parallel arrays: job_ids bigint[],
-- attempted_ats text[] (to the microsecond).
WITH me AS (
    SELECT
        $1::uuid AS instance, $2::text AS client_id, $3::interval AS beat_interval,
        concat_ws(' ', 'plain', nullif(current_setting('application_name'), '')) AS software
),
process AS (
    INSERT INTO keeper.client AS c (instance, client_id, beat_at, beat_interval, kinds, fences, software, started_at)
    SELECT m.instance, m.client_id, now(), m.beat_interval, NULL, false, m.software, now() FROM me AS m
    ON CONFLICT (instance) DO UPDATE SET
        client_id = excluded.client_id,
        beat_at = excluded.beat_at,
        beat_interval = excluded.beat_interval,
        kinds = excluded.kinds,
        fences = excluded.fences
),
given AS (
    SELECT
        g.*,
        m.instance,
        m.beat_interval,
        j.attempt,
        coalesce(j.state = 'running' AND j.attempted_at = g.attempted_at, false) AS runs,
        coalesce(j.state = 'completed' AND j.attempted_at = g.attempted_at, false) AS finished
    FROM unnest($4::bigint[], $5::timestamptz[])
        WITH ORDINALITY AS g (job_id, attempted_at, ordinal)
    CROSS JOIN me AS m
    LEFT JOIN LATERAL (
        SELECT r.state, r.attempt, r.attempted_at FROM river.river_job AS r WHERE r.id = g.job_id OFFSET 0
    ) AS j ON true
    ORDER BY g.job_id, g.attempted_at
),
again AS (
    UPDATE keeper.heartbeat AS h
    SET instance = g.instance, beat_interval = g.beat_interval, beat_at = now()
    FROM given AS g
    WHERE h.job_id = g.job_id
      AND h.attempted_at = g.attempted_at
      AND g.runs
      AND g.runs = (h.lost_at IS NULL)  -- as in beat.sql
    RETURNING h.job_id, h.attempted_at, h.stop_requested_at
),
first AS (
    INSERT INTO keeper.heartbeat AS h (job_id, attempted_at, attempt, instance, beat_interval, beat_at)
    SELECT g.job_id, g.attempted_at, g.attempt, g.instance, g.beat_interval, now()
    FROM given AS g
    WHERE g.runs AND (g.job_id, g.attempted_at) NOT IN (SELECT a.job_id, a.attempted_at FROM again AS a)
    ORDER BY g.job_id, g.attempted_at
    ON CONFLICT (job_id, attempted_at) DO UPDATE SET  -- lost, or another session has inserted it meanwhile
        instance = excluded.instance, beat_interval = excluded.beat_interval, beat_at = excluded.beat_at
    WHERE h.lost_at IS NULL
    RETURNING h.job_id, h.attempted_at, h.stop_requested_at
),
held AS (
    SELECT * FROM again UNION ALL SELECT * FROM first
)
SELECT
    g.ordinal,
    CASE
        WHEN (g.job_id, g.attempted_at) IN (
            SELECT h.job_id, h.attempted_at FROM held AS h WHERE h.stop_requested_at IS NOT NULL
        ) THEN 'stop'
        WHEN (g.job_id, g.attempted_at) IN (SELECT h.job_id, h.attempted_at FROM held AS h) THEN 'held'
        WHEN g.finished THEN 'finished'
        ELSE 'lost'
    END AS status
FROM given AS g
ORDER BY g.ordinal
