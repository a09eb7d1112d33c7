-- Question: was this claim rescued?
-- Index: rescue_once_a_claim.
-- NULL: never; no row: it was not.
SELECT r.id, r.action, r.keeper
FROM keeper.rescue AS r
WHERE NOT r.dry_run AND r.action <> 'stop'
  AND r.job_id = %(job_id)s::bigint
  AND r.attempted_at = %(attempted_at)s::timestamptz
