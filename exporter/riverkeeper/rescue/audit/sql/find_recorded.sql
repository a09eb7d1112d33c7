-- Question: which of these claims have a dry run with this reason in the audit?
-- Index: rescue_dry_once, once for each claim.
-- NULL: never; a claim is missing: it has none.
SELECT c.number
FROM jsonb_to_recordset(%(claims)s::jsonb) AS c (number integer, job_id bigint, attempted_at timestamptz, reason text)
CROSS JOIN LATERAL (
    SELECT
    FROM keeper.rescue AS r
    WHERE r.dry_run AND r.job_id = c.job_id AND r.attempted_at = c.attempted_at AND r.reason = c.reason
    OFFSET 0
) AS recorded
