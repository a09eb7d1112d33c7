-- Question: (writes) Records a beat of these claims on the job's own row, where no heartbeat table can be installed.
-- Index: river_job's primary key. Costs about six times the WAL of a beat in the table and is never HOT: beat every
-- 30 s, not every 10 s.
-- NULL: never. A claim whose ordinal (from 1) comes back is held. A claim that does not come back is lost, or another
-- transaction has locked the row, or the metadata is not an object (`||` would turn the metadata into a list that grows
-- with every beat).
--
-- Parameters: parallel arrays job_ids bigint[], attempted_ats text[], attempts smallint[].
WITH held AS MATERIALIZED (
    SELECT g.ordinal, locked.id
    FROM (
        SELECT *
        FROM unnest(%(job_ids)s::bigint[], %(attempted_ats)s::timestamptz[], %(attempts)s::smallint[])
            WITH ORDINALITY AS u (job_id, attempted_at, attempt, ordinal)
        ORDER BY u.job_id
    ) AS g
    CROSS JOIN LATERAL (
        SELECT r.id
        FROM river.river_job AS r
        WHERE r.id = g.job_id AND r.state = 'running' AND r.attempt = g.attempt AND r.attempted_at = g.attempted_at
          AND jsonb_typeof(r.metadata) = 'object'
        FOR NO KEY UPDATE SKIP LOCKED
    ) AS locked
),
beaten AS (
    UPDATE river.river_job AS j
    SET metadata = j.metadata || jsonb_build_object('health_check_at', now())
    WHERE j.id = ANY (ARRAY(SELECT h.id FROM held AS h))
    RETURNING j.id
)
SELECT h.ordinal FROM held AS h WHERE h.id IN (SELECT b.id FROM beaten AS b)
