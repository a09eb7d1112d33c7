-- Question: Reads the checkpoints of one job without their values, the newest first: where the next attempt goes on, and which
-- attempts have resumed.
-- Index: checkpoint's primary key, all claims of the job that saved one.
-- NULL: resumed_at where no claim has resumed from it. No row: no claim has saved one.
SELECT
    c.attempt,
    c.bytes,
    c.resumes,
    extract(epoch FROM c.saved_at)::double precision AS saved_at,
    CASE WHEN isfinite(c.resumed_at) THEN extract(epoch FROM c.resumed_at)::double precision END AS resumed_at
FROM keeper.checkpoint AS c
WHERE c.job_id = %(job_id)s
ORDER BY c.generation DESC
LIMIT %(most_rows)s
