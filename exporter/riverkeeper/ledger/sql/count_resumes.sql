-- Question: (writes) Which attempts have resumed from a checkpoint, and are not counted yet? Called under lock_ledger: each
-- counts once. The last rescue of the job before that gets the checkpoint in the audit, without its value.
-- Index: checkpoint_uncounted; rescue_once_a_claim by the job, then the audit's primary key; river_job_pkey
-- (OFFSET 0: each job, and the rescues of each job, are looked up by its id).
-- NULL: never. A job that is deleted has no row, and does not count: its queue and kind are not known.
-- Waits for no lock: what another session has locked, a checkpoint or a row of the audit, counts with the next step.
WITH uncounted AS MATERIALIZED (
    SELECT
        saved.job_id, saved.attempted_at, saved.attempt, saved.number, saved.saved_at, saved.resumed_at,
        saved.resumes - saved.resumes_counted AS resumed,
        (
            SELECT max(own.id)
            FROM (
                SELECT a.id
                FROM keeper.rescue AS a
                WHERE NOT a.dry_run AND a.action <> 'stop' AND a.job_id = saved.job_id AND a.attempted_at <> saved.resumed_at
                OFFSET 0
            ) AS own
        ) AS last_rescue
    FROM keeper.checkpoint AS saved
    WHERE saved.resumes > saved.resumes_counted
    ORDER BY saved.job_id, saved.attempted_at
    LIMIT %(most)s
    FOR NO KEY UPDATE OF saved SKIP LOCKED
),
rescued AS (
    SELECT u.job_id, u.attempted_at, r.id
    FROM uncounted AS u
    JOIN keeper.rescue AS r ON r.id = u.last_rescue
    WHERE r.resumed IS NULL AND u.saved_at <= r.at
),
held AS MATERIALIZED (
    SELECT r.id
    FROM keeper.rescue AS r
    WHERE r.id IN (SELECT n.id FROM rescued AS n)
    FOR NO KEY UPDATE OF r SKIP LOCKED
),
ready AS MATERIALIZED (
    SELECT u.*, n.id AS rescue
    FROM uncounted AS u
    LEFT JOIN rescued AS n ON n.job_id = u.job_id AND n.attempted_at = u.attempted_at
    WHERE n.id IS NULL OR n.id IN (SELECT h.id FROM held AS h)
),
counted AS (
    UPDATE keeper.checkpoint AS c
    SET resumes_counted = c.resumes_counted + u.resumed
    FROM ready AS u
    WHERE c.job_id = u.job_id AND c.attempted_at = u.attempted_at
),
audited AS (
    UPDATE keeper.rescue AS r
    SET resumed = jsonb_build_object(
        'attempt', u.attempt, 'number', u.number, 'saved_at', extract(epoch FROM u.saved_at),
        'at', extract(epoch FROM u.resumed_at)
    )
    FROM ready AS u
    WHERE r.id = u.rescue
)
SELECT j.queue, j.kind, sum(u.resumed)::bigint AS resumed
FROM ready AS u
CROSS JOIN LATERAL (SELECT w.queue, w.kind FROM river.river_job AS w WHERE w.id = u.job_id OFFSET 0) AS j
GROUP BY j.queue, j.kind
