-- Question: is this claim still ours, in the very transaction that has the effect? The one real guarantee.
-- Index: river_job's primary key; the row stays locked until the transaction ends, so nobody can take the claim away.
-- NULL: never; no row: roll back. Run it first in the transaction, and keep the transaction short: River's own update
-- of the job waits for it.
--
-- Parameters: job_id bigint, attempted_at text, attempt smallint.
SELECT 1 AS held
FROM river.river_job AS j
WHERE j.id = %(job_id)s::bigint
  AND j.state = 'running'
  AND j.attempt = %(attempt)s::smallint
  AND j.attempted_at = %(attempted_at)s::timestamptz
FOR NO KEY UPDATE
