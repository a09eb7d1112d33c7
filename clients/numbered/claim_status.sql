-- Generated from clients/sql/claim_status.sql: do not edit.
--   $1 job_ids
--   $2 attempted_ats
--   $3 attempts
-- Question: Which of these claims still run, or have completed themselves, according to River's own table?
-- Index: river_job's primary key; OFFSET 0 makes Postgres look up each job by its id.
-- NULL: never; a claim whose ordinal (from 1) does not come back is over.
--
-- Used in metadata mode, where a beat skips a row that another transaction has locked.
-- Parameters: parallel arrays job_ids bigint[], attempted_ats text[], attempts smallint[].
SELECT
    g.ordinal,
    j.state = 'completed' AS finished
FROM unnest($1::bigint[], $2::timestamptz[], $3::smallint[])
    WITH ORDINALITY AS g (job_id, attempted_at, attempt, ordinal)
CROSS JOIN LATERAL (
    SELECT r.id, r.state, r.attempt, r.attempted_at FROM river.river_job AS r WHERE r.id = g.job_id OFFSET 0
) AS j
WHERE j.state IN ('running', 'completed') AND j.attempt = g.attempt AND j.attempted_at = g.attempted_at
