-- Question: has a dry run of this claim and reason been written down before?
-- Index: rescue_dry_once.
-- NULL: never; no row: not yet.
SELECT 1 AS found
FROM keeper.rescue AS r
WHERE r.dry_run
  AND r.job_id = %(job_id)s::bigint
  AND r.attempted_at = %(attempted_at)s::timestamptz
  AND r.reason = %(reason)s::text
