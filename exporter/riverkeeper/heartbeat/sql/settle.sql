-- Question: (writes) may this claim's result be let out? From here on the keeper leaves the claim alone for a while.
-- Index: primary keys of heartbeat and river_job.
-- NULL: lease where there is none.
-- One row comes back: standing `settled` (let it out), `finished` (completed by the job in its own transaction; River
-- will ignore the result) or `lost` (the result must not get out).
--
-- Parameters: job_id bigint, attempted_at text, attempt smallint, instance uuid, beat_interval interval, lease interval.
WITH settled AS (
    INSERT INTO keeper.heartbeat AS h
        (job_id, attempted_at, attempt, instance, beat_interval, lease, beat_at, settled_at)
    SELECT
        j.id, j.attempted_at, j.attempt, %(instance)s::uuid, %(beat_interval)s::interval, %(lease)s::interval,
        now(), now()
    FROM river.river_job AS j
    WHERE j.id = %(job_id)s::bigint
      AND j.state = 'running'
      AND j.attempt = %(attempt)s::smallint
      AND j.attempted_at = %(attempted_at)s::timestamptz
    ON CONFLICT (job_id, attempted_at) DO UPDATE SET beat_at = excluded.beat_at, settled_at = excluded.settled_at
    WHERE h.lost_at IS NULL
    RETURNING h.job_id
)
SELECT CASE
    WHEN EXISTS (SELECT FROM settled) THEN 'settled'
    WHEN EXISTS (
        SELECT
        FROM river.river_job AS j
        WHERE j.id = %(job_id)s::bigint
          AND j.state = 'completed'
          AND j.attempt = %(attempt)s::smallint
          AND j.attempted_at = %(attempted_at)s::timestamptz
    ) THEN 'finished'
    ELSE 'lost'
END AS standing
