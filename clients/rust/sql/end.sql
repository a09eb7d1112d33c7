-- Question: (writes) The work of these claims has returned: how did it end? Sent for lost claims too, because it proves
-- that the previous worker was alive. A claim that never beat has no row, and gets none.
-- Index: heartbeat's primary key, in its order, so that two writers cannot wait for each other.
-- NULL: never.
--
-- Parameters: parallel arrays job_ids bigint[], attempted_ats text[], outcomes text[].
UPDATE keeper.heartbeat AS h
SET ended_at = now(), outcome = ended.outcome
FROM (
    SELECT e.job_id, e.attempted_at, e.outcome
    FROM unnest(%(job_ids)s::bigint[], %(attempted_ats)s::timestamptz[], %(outcomes)s::text[])
        AS e (job_id, attempted_at, outcome)
    JOIN keeper.heartbeat AS locked USING (job_id, attempted_at)
    ORDER BY e.job_id, e.attempted_at
    FOR UPDATE OF locked
) AS ended
WHERE h.job_id = ended.job_id AND h.attempted_at = ended.attempted_at
