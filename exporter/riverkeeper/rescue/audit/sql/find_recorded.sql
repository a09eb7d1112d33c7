-- Question: of which of these claims has a dry run with this reason been written down before?
-- Index: rescue_dry_once, once for each claim.
-- NULL: never; a claim is missing: not yet.
SELECT c.number
FROM jsonb_to_recordset(%(claims)s::jsonb) AS c (number integer, job_id bigint, attempted_at timestamptz, reason text)
CROSS JOIN LATERAL (
    SELECT
    FROM keeper.rescue AS r
    WHERE r.dry_run AND r.job_id = c.job_id AND r.attempted_at = c.attempted_at AND r.reason = c.reason
    OFFSET 0
) AS recorded
