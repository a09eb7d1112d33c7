-- Question: Reads the progress notes of the given claims, for a login that may read notes.
-- Index: heartbeat's primary key.
-- NULL: never; a claim without a note has no row.
SELECT h.job_id, h.note
FROM unnest(%(job_ids)s::bigint[], %(claimed_at)s::timestamptz[], %(attempts)s::smallint[]) AS claim (job_id, attempted_at, attempt)
JOIN keeper.heartbeat AS h
    ON h.job_id = claim.job_id AND h.attempted_at = claim.attempted_at AND h.attempt = claim.attempt
WHERE h.note IS NOT NULL
