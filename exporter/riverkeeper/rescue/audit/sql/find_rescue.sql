-- Question: what was done with this claim? The newest first: a request to stop may precede a retry.
-- Index: rescue_once_a_claim for a rescue, rescue_stop_once for a stop; then the primary key.
-- NULL: state and scheduled_at of a stop; late_seconds where no limit was passed. No row: nothing was done.
SELECT
    r.keeper,
    r.action,
    r.reason,
    r.state_after AS state,
    extract(epoch FROM r.scheduled_at)::double precision AS scheduled_at,
    extract(epoch FROM r.at)::double precision AS at,
    r.late_seconds
FROM (
    SELECT a.id
    FROM keeper.rescue AS a
    WHERE NOT a.dry_run AND a.action <> 'stop'
      AND a.job_id = %(job_id)s::bigint AND a.attempted_at = %(attempted_at)s::timestamptz
    UNION ALL
    SELECT s.id
    FROM keeper.rescue AS s
    WHERE NOT s.dry_run AND s.action = 'stop'
      AND s.job_id = %(job_id)s::bigint AND s.attempted_at = %(attempted_at)s::timestamptz
) AS found
JOIN keeper.rescue AS r ON r.id = found.id
ORDER BY r.id DESC
