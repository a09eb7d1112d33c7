-- Question: what became of these claims: when did Riverkeeper notice, rescue, and when did the next attempt begin?
-- Index: the audit is read by job (rescue_once_a_claim, rescue_stop_once, rescue_dry_once); primary keys of heartbeat
-- and river_job.
-- NULL: what has not happened; progress_at where the job never reported progress; state where the job is deleted.
SELECT
    c.number,
    extract(epoch FROM acts.noticed_at)::double precision AS noticed_at,
    extract(epoch FROM acts.rescued_at)::double precision AS rescued_at,
    extract(epoch FROM h.progress_at)::double precision AS progress_at,
    extract(epoch FROM CASE WHEN j.attempted_at > c.attempted_at THEN j.attempted_at END)::double precision AS again_at,
    j.state
FROM jsonb_to_recordset(%(claims)s::jsonb) AS c (number integer, job_id bigint, attempted_at timestamptz)
CROSS JOIN LATERAL (
    SELECT min(r.at) AS noticed_at, min(r.at) FILTER (WHERE r.action <> 'stop') AS rescued_at
    FROM keeper.rescue AS r
    WHERE NOT r.dry_run AND r.job_id = c.job_id AND r.attempted_at = c.attempted_at
) AS acts
LEFT JOIN keeper.heartbeat AS h ON h.job_id = c.job_id AND h.attempted_at = c.attempted_at
LEFT JOIN LATERAL (
    SELECT r.state::text AS state, r.attempted_at FROM river.river_job AS r WHERE r.id = c.job_id OFFSET 0
) AS j ON true
ORDER BY c.number
