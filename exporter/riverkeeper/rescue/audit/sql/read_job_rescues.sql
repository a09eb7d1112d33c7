-- Question: What did the rescuer do with one job, or record in a dry run, newest first?
-- Index: rescue_once_a_claim, rescue_stop_once and rescue_dry_once, each by the job; then the primary key.
-- NULL: columns as in 003_rescue.
SELECT
    r.id, r.dry_run, r.job_id, r.attempt, r.queue, r.kind, r.tier, r.reason, r.action, r.state_after, r.evidence,
    r.woken_by, r.late_seconds, r.old_worker, r.old_outcome, r.was_false, r.resumed,
    to_char(r.attempted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS attempted_at,
    extract(epoch FROM r.at)::double precision AS at,
    extract(epoch FROM r.scheduled_at)::double precision AS scheduled_at,
    extract(epoch FROM r.old_worker_at)::double precision AS old_worker_at,
    extract(epoch FROM r.closed_at)::double precision AS closed_at
FROM (
    SELECT a.id FROM keeper.rescue AS a WHERE NOT a.dry_run AND a.action <> 'stop' AND a.job_id = %(job_id)s
    UNION ALL
    SELECT s.id FROM keeper.rescue AS s WHERE NOT s.dry_run AND s.action = 'stop' AND s.job_id = %(job_id)s
    UNION ALL
    SELECT d.id FROM keeper.rescue AS d WHERE d.dry_run AND d.job_id = %(job_id)s
) AS found
JOIN keeper.rescue AS r ON r.id = found.id
ORDER BY r.id DESC
LIMIT %(most_rows)s
