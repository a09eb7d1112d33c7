-- Question: (writes) we live, and so do these claims: which of them are still ours?
-- Index: primary keys of client, heartbeat and river_job. One statement a process and tick, also with no claims.
-- OFFSET 0 has each job looked up by its id: a join of a thousand claims would read the whole of River's table.
-- NULL: progress and note are NULL where the job never told; lease where there is none; kinds for all kinds.
-- One row comes back for each claim given: standing `held`, `stop` (held, but asked to stop), `finished` (completed
-- by the job itself, inside its own transaction) or `lost`. `held` may be stale by one statement; `lost` is final.
--
-- Parameters: instance uuid, client_id text, software text, started_at text (RFC 3339), fences boolean,
-- client_interval interval, kinds text[]; and in parallel arrays: job_ids bigint[], attempted_ats text[] (as claim.sql
-- returned them), attempts smallint[], intervals interval[], leases interval[], progress_told boolean[] (since the
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
    SELECT g.*, j.state, coalesce(j.attempt = g.attempt AND j.attempted_at = g.attempted_at, false) AS is_claim
    FROM unnest(
        %(job_ids)s::bigint[], %(attempted_ats)s::timestamptz[], %(attempts)s::smallint[], %(intervals)s::interval[],
        %(leases)s::interval[], %(progress_told)s::boolean[], %(progress)s::real[], %(notes)s::text[]
    ) AS g (job_id, attempted_at, attempt, beat_interval, lease, progress_told, progress, note)
    LEFT JOIN LATERAL (
        SELECT r.state, r.attempt, r.attempted_at FROM river.river_job AS r WHERE r.id = g.job_id OFFSET 0
    ) AS j ON true
),
beat AS (
    INSERT INTO keeper.heartbeat AS h (
        job_id, attempted_at, attempt, instance, beat_interval, lease, beat_at, progress_at, progress, note
    )
    SELECT
        g.job_id, g.attempted_at, g.attempt, %(instance)s::uuid, g.beat_interval, g.lease, now(),
        CASE WHEN g.progress_told THEN now() END, g.progress, g.note
    FROM given AS g
    WHERE g.state = 'running' AND g.is_claim
    ORDER BY g.job_id, g.attempted_at
    ON CONFLICT (job_id, attempted_at) DO UPDATE SET
        instance = excluded.instance,
        beat_interval = excluded.beat_interval,
        lease = excluded.lease,
        beat_at = excluded.beat_at,
        progress_at = coalesce(excluded.progress_at, h.progress_at),
        progress = excluded.progress,
        note = excluded.note
    WHERE h.lost_at IS NULL
    RETURNING h.job_id, h.attempted_at, h.stop_requested_at
)
SELECT
    g.job_id,
    to_char(g.attempted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS attempted_at,
    CASE
        WHEN b.stop_requested_at IS NOT NULL THEN 'stop'
        WHEN b.job_id IS NOT NULL THEN 'held'
        WHEN g.state = 'completed' AND g.is_claim THEN 'finished'
        ELSE 'lost'
    END AS standing
FROM given AS g
LEFT JOIN beat AS b ON b.job_id = g.job_id AND b.attempted_at = g.attempted_at
ORDER BY g.job_id, g.attempted_at
