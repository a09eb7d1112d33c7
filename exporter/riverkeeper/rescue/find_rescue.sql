-- Question: what was done with this claim? The newest first: a request to stop may stand before a retry.
-- Index: rescue_once_a_claim for a rescue, rescue_stop_once for a stop; each of the two questions has one.
-- NULL: state and scheduled_at of a stop; late_seconds where no limit was passed. No row: nothing was.
SELECT
    r.id,
    r.keeper,
    r.action,
    r.reason,
    r.state_after AS state,
    extract(epoch FROM r.scheduled_at)::double precision AS scheduled_at,
    extract(epoch FROM r.at)::double precision AS at,
    r.late_seconds
FROM keeper.rescue AS r
WHERE NOT r.dry_run AND r.action <> 'stop'
  AND r.job_id = %(job_id)s::bigint
  AND r.attempted_at = %(attempted_at)s::timestamptz
UNION ALL
SELECT
    r.id,
    r.keeper,
    r.action,
    r.reason,
    r.state_after AS state,
    extract(epoch FROM r.scheduled_at)::double precision AS scheduled_at,
    extract(epoch FROM r.at)::double precision AS at,
    r.late_seconds
FROM keeper.rescue AS r
WHERE NOT r.dry_run AND r.action = 'stop'
  AND r.job_id = %(job_id)s::bigint
  AND r.attempted_at = %(attempted_at)s::timestamptz
ORDER BY id DESC
