-- Question: (writes) Records a beat of this process and of its claims. Which of these claims does it still hold?
-- Index: primary keys of client, heartbeat and river_job. One statement per process and tick, also without claims.
-- OFFSET 0 makes Postgres look up each job by its id: a join of a thousand claims would read River's whole table.
-- Existing rows are updated and only missing rows are inserted: ON CONFLICT locks each row first and logs the lock.
-- IN and NOT IN are hashed, whatever the planner estimates; a join that expects one row would loop a million times.
-- NULL: progress and note are NULL where the job never reported any; lease where there is none; kinds for all kinds.
-- One row comes back for each claim given: its ordinal in the arrays, from 1, its status, which is `held`, `stop`
-- (held, but the job has to stop), `finished` (the job completed itself inside its own transaction) or `lost`, and
-- whether the stack of its work is requested (stack.sql). `held` may be one statement old; `lost` is final.
--
-- Parameters: instance uuid, client_id text, software text, started_at text (RFC 3339), fences boolean,
-- client_interval interval, kinds text[]; and parallel arrays: job_ids bigint[], attempted_ats text[] (to the
-- microsecond), attempts smallint[], intervals interval[], leases interval[], progress_reported boolean[] (since the
-- last beat that succeeded), progress real[], notes text[].
WITH process AS (
    INSERT INTO keeper.client AS c (instance, client_id, beat_at, beat_interval, kinds, fences, software, started_at)
    VALUES (
        %(instance)s::uuid, %(client_id)s::text, now(), %(client_interval)s::interval, %(kinds)s::text[],
        %(fences)s::boolean, %(software)s::text, %(started_at)s::timestamptz
    )
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
        coalesce(j.state = 'running' AND j.attempt = g.attempt AND j.attempted_at = g.attempted_at, false) AS runs,
        coalesce(j.state = 'completed' AND j.attempt = g.attempt AND j.attempted_at = g.attempted_at, false) AS finished
    FROM unnest(
        %(job_ids)s::bigint[], %(attempted_ats)s::timestamptz[], %(attempts)s::smallint[], %(intervals)s::interval[],
        %(leases)s::interval[], %(progress_reported)s::boolean[], %(progress)s::real[], %(notes)s::text[]
    ) WITH ORDINALITY AS g (
        job_id, attempted_at, attempt, beat_interval, lease, progress_reported, progress, note, ordinal
    )
    LEFT JOIN LATERAL (
        SELECT r.state, r.attempt, r.attempted_at FROM river.river_job AS r WHERE r.id = g.job_id OFFSET 0
    ) AS j ON true
    ORDER BY g.job_id, g.attempted_at
),
again AS (
    UPDATE keeper.heartbeat AS h
    SET
        instance = %(instance)s::uuid,
        beat_interval = g.beat_interval,
        lease = g.lease,
        beat_at = now(),
        progress_at = CASE WHEN g.progress_reported THEN now() ELSE h.progress_at END,
        progress = g.progress,
        note = g.note
    FROM given AS g
    WHERE h.job_id = g.job_id
      AND h.attempted_at = g.attempted_at
      AND g.runs
      AND g.runs = (h.lost_at IS NULL)  -- checked again after a wait for a rescue; alone, the planner takes it for rare
    RETURNING h.job_id, h.attempted_at, h.stop_requested_at, h.stack_requested_at, h.stack_at
),
first AS (
    INSERT INTO keeper.heartbeat AS h (
        job_id, attempted_at, attempt, instance, beat_interval, lease, beat_at, progress_at, progress, note
    )
    SELECT
        g.job_id, g.attempted_at, g.attempt, %(instance)s::uuid, g.beat_interval, g.lease, now(),
        CASE WHEN g.progress_reported THEN now() END, g.progress, g.note
    FROM given AS g
    WHERE g.runs AND (g.job_id, g.attempted_at) NOT IN (SELECT a.job_id, a.attempted_at FROM again AS a)
    ORDER BY g.job_id, g.attempted_at
    ON CONFLICT (job_id, attempted_at) DO UPDATE SET  -- lost, or another session has inserted it meanwhile
        instance = excluded.instance,
        beat_interval = excluded.beat_interval,
        lease = excluded.lease,
        beat_at = excluded.beat_at,
        progress_at = coalesce(excluded.progress_at, h.progress_at),
        progress = excluded.progress,
        note = excluded.note
    WHERE h.lost_at IS NULL
    RETURNING h.job_id, h.attempted_at, h.stop_requested_at, h.stack_requested_at, h.stack_at
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
    END AS status,
    (g.job_id, g.attempted_at) IN (
        SELECT h.job_id, h.attempted_at FROM held AS h
        WHERE h.stack_requested_at IS NOT NULL AND (h.stack_at IS NULL OR h.stack_at < h.stack_requested_at)
    ) AS stack_requested
FROM given AS g
ORDER BY g.ordinal
