-- Question: Does this client still hold the claim, in the transaction that has the effect? The only real guarantee.
-- Index: river_job's primary key. The row stays locked until the transaction ends, so nobody can take the claim away.
-- NULL: never; no row: roll back. Run this statement first and keep the transaction short: River's own update of the job
-- waits for the lock. Every name is qualified, because the transaction and its search_path are the user's.
--
-- Parameters: job_id bigint, attempted_at text, attempt smallint.
SELECT 1 AS held
FROM river.river_job AS j
WHERE j.id OPERATOR(pg_catalog.=) %(job_id)s::bigint
  AND j.state OPERATOR(pg_catalog.=) 'running'
  AND j.attempt OPERATOR(pg_catalog.=) %(attempt)s::smallint
  AND j.attempted_at OPERATOR(pg_catalog.=) %(attempted_at)s::pg_catalog.timestamptz
FOR NO KEY UPDATE
