-- Question: Which of these claims still run, or have completed themselves, according to River's own table?
-- Index: river_job's primary key; OFFSET 0 makes Postgres look up each job by its id.
-- NULL: never; a claim that does not come back is over.
--
-- Used in metadata mode, where a beat skips a row that another transaction has locked.
-- Parameters: parallel arrays job_ids bigint[], attempted_ats text[], attempts smallint[].
SELECT
    j.id AS job_id,
    to_char(j.attempted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS attempted_at,
    j.state = 'completed' AS finished
FROM unnest(%(job_ids)s::bigint[], %(attempted_ats)s::timestamptz[], %(attempts)s::smallint[])
    AS g (job_id, attempted_at, attempt)
CROSS JOIN LATERAL (
    SELECT r.id, r.state, r.attempt, r.attempted_at FROM river.river_job AS r WHERE r.id = g.job_id OFFSET 0
) AS j
WHERE j.state IN ('running', 'completed') AND j.attempt = g.attempt AND j.attempted_at = g.attempted_at
