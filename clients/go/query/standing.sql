-- Question: which of these claims are not lost? Asked for those that a metadata beat passed by: another transaction
-- may just have had the row locked.
-- Index: river_job's primary key.
-- NULL: never. finished is true where the job completed itself, inside its own transaction.
--
-- Parameters: in parallel arrays job_ids bigint[], attempted_ats text[], attempts smallint[].
SELECT g.position, j.state = 'completed' AS finished
FROM unnest(%(job_ids)s::bigint[], %(attempted_ats)s::timestamptz[], %(attempts)s::smallint[])
    WITH ORDINALITY AS g (job_id, attempted_at, attempt, position)
JOIN river.river_job AS j
    ON j.id = g.job_id AND j.state IN ('running', 'completed') AND j.attempt = g.attempt
    AND j.attempted_at = g.attempted_at
